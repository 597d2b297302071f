/** The REST API under requests that nobody would send: made from its OpenAPI document by a fuzzer, well-formed and not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Scene, sceneOptions, setScene } from '../support/documented-scene.ts';
import { fuzz } from '../support/fuzzer.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { type OpenApiDocument, openApiContract } from '../support/openapi.ts';

/** As much as a suite can wait for; FUZZ_SECONDS=600 looks harder. */
const EXAMPLES = 5;
const SECONDS = process.env.FUZZ_SECONDS === undefined ? undefined : Number(process.env.FUZZ_SECONDS);

let database: TestDatabase;
let server: TestServer;
let scene: Scene;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, sceneOptions());
  scene = await setScene(database, server.tidemark);
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

test('nothing makes it fail, and each answer is one that its document describes', {
  timeout: (SECONDS ?? 0) * 1_000 + 600_000,
}, async () => {
  const document: OpenApiDocument = (await server.request('GET', '/openapi.json')).body;
  const { failures, accepted } = await fuzz({
    url: server.url,
    examples: EXAMPLES,
    seconds: SECONDS,
    known: { 'path.logId': ['notes', 'flights'], 'path.workId': ['mail/1', 'solo'], 'path.name': [scene.blobId] },
  });
  expect(failures).toBe('');
  // Otherwise it has seen refusals alone.
  const withSuccess = openApiContract(document).operations.filter(({ statuses }) => statuses.some((status) => status < 300));
  expect(withSuccess.map(({ name }) => name).filter((name) => !accepted[name])).toEqual([]);
});
