/** The REST API under requests that nobody would send: made from its OpenAPI document by a fuzzer, well-formed and not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Scene, sceneOptions, setScene } from '../support/documented-scene.ts';
import { fuzz } from '../support/fuzzer.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { type OpenApiDocument, openApiContract } from '../support/openapi.ts';

/** As long as a suite can wait; FUZZ_SECONDS=600 looks harder. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 20);

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

test('nothing makes it fail, and each answer is one that its document describes', { timeout: (SECONDS + 400) * 1_000 }, async () => {
  const document: OpenApiDocument = (await server.request('GET', '/openapi.json')).body;
  const { failures, accepted, requests } = await fuzz({
    url: server.url,
    seconds: SECONDS,
    known: {
      'path.logId': ['flights', 'notes', 'uploads'],
      'path.workId': ['mail/1', 'solo'],
      'path.name': [scene.blobId],
      'path.sequenceId': ['2'],
      'path.cell': ['A1'],
      'query.range': ['A1:B2'],
    },
  });
  expect(failures).toBe('');
  expect(requests).toBeGreaterThan(SECONDS * 10);
  // Otherwise it has seen refusals alone. A file that can be imported is not made up: http-import.test.ts has some.
  const withSuccess = openApiContract(document).operations.filter(({ statuses }) => statuses.some((status) => status < 300));
  expect(withSuccess.map(({ name }) => name).filter((name) => !accepted[name] && name !== 'POST /logs/{logId}/import')).toEqual([]);
});
