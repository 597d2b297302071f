/** The REST API of `tidemark server` under requests that nobody would send: made from its OpenAPI document by a fuzzer, well-formed and not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDirectoryBlobStore, createTidemark } from '../../src/index.ts';
import { createFolder, type RunningCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSceneSchedules, type Scene, sceneApp, sceneOptions, setScene } from '../support/documented-scene.ts';
import { fuzz } from '../support/fuzzer.ts';
import { type OpenApiDocument, openApiContract } from '../support/openapi.ts';
import { temporalAddress } from '../support/servers.ts';

/** As much as a suite can wait for; FUZZ_SECONDS=600 looks harder. */
const EXAMPLES = 5;
const SECONDS = process.env.FUZZ_SECONDS === undefined ? undefined : Number(process.env.FUZZ_SECONDS);
const SELDOM_ACCEPTED = new Set([
  // A file that it makes up is seldom one.
  'POST /logs/{logId}/import',
  // Nor are two times that it makes up in order, past and near each other.
  'POST /schedules/{schedule}/backfill',
  // Nor is an address of HTTP that it makes up one of a table, or a name one of its tables.
  'POST /workbooks',
  'POST /workbooks/{workbookId}/download',
]);
const TIMEOUT_MS = (SECONDS ?? 0) * 1_000 + 600_000;

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let server: RunningCli;
let url: string;
let scene: Scene;
let scheduled: Awaited<ReturnType<typeof openSceneSchedules>>;

beforeAll(async () => {
  folder = createFolder();
  database = await createTestDatabase();
  const blobs = join(folder.path, 'blobs');
  const tidemark = createTidemark({ db: database.pool, ...sceneOptions(createDirectoryBlobStore({ path: blobs })) });
  scene = await setScene(database, tidemark);
  await tidemark.close();
  scheduled = await openSceneSchedules(database);
  writeFileSync(join(folder.path, 'app.mjs'), sceneApp());
  server = startCli(['server', '--port', '0', '--app', 'app.mjs'], {
    cwd: folder.path,
    env: {
      DATABASE_URL: database.appUrl,
      TEMPORAL_ADDRESS: temporalAddress(),
      TIDEMARK_BLOBS: blobs,
      TIDEMARK_AUTH: 'off',
      TIDEMARK_HTTP_REQUESTS_PER_MINUTE: '0',
    },
    timeoutMs: TIMEOUT_MS,
  });
  const [, address = ''] = /"address":"([^"]+)"/.exec(await server.waitFor('"msg":"running"')) ?? [];
  url = address.replace(/\/$/, '');
}, 120_000);
afterAll(async () => {
  server?.child.kill('SIGTERM');
  await server?.ended;
  await scheduled?.close();
  await database?.drop();
  folder?.remove();
});

test('nothing makes it fail, and each answer is one that its document describes', { timeout: TIMEOUT_MS }, async () => {
  const { failures, accepted } = await fuzz({
    url,
    examples: EXAMPLES,
    seconds: SECONDS,
    known: {
      'path.logId': ['flights', 'notes'],
      'path.workId': ['mail/1', 'solo', 'lone'],
      'path.topic': ['order-placed', 'anything'],
      'path.subscription': ['mail'],
      'path.name': [scene.blobId],
      'path.schedule': ['newsletter'],
      'path.job': ['report:later', 'report:ended'],
      'path.workbookId': ['sales'],
      'path.sequenceId': ['2'],
      'path.cell': ['A1', '0,0'],
      'query.range': ['A1:C3'],
    },
    // What it makes up is an entry of this log, and no cell.
    fixed: {
      'POST /logs/{logId}/entries': { 'path.logId': 'notes' },
      'POST /topics/{topic}/messages': { 'path.topic': 'anything' },
      'POST /jobs/{job}': { 'path.job': 'anything' },
      'GET /dead-letters/{workId}': { 'path.workId': 'lone' },
      'GET /logs/{logId}/export': { 'path.logId': 'flights' },
    },
  });
  expect(`${failures}${unexpected()}`).toBe('');
  // Otherwise it has seen refusals alone.
  const { operations } = openApiContract((await (await fetch(`${url}/openapi.json`)).json()) as OpenApiDocument);
  const withSuccess = operations.filter(({ name, statuses }) => !SELDOM_ACCEPTED.has(name) && statuses.some((status) => status < 300));
  expect(withSuccess.map(({ name }) => name).filter((name) => !accepted[name])).toEqual([]);
});

/** What the server itself found worth a line. */
function unexpected(): string {
  const { stdout, stderr } = server.output();
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('unexpected error'));
  return lines.join('\n');
}
