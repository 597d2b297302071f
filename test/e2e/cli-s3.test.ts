/** A worker and its commands with their blobs in S3, chosen by TIDEMARK_BLOBS alone. */
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { createFolder, type RunningCli, runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { BUCKET, CREDENTIALS, REGION, type S3Server, startS3Server } from '../support/s3-server.ts';
import { temporalAddress } from '../support/servers.ts';
import { until } from '../support/until.ts';

let server: S3Server;
let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let worker: RunningCli | undefined;

beforeAll(async () => {
  folder = createFolder();
  [server, database] = await Promise.all([startS3Server(), createTestDatabase()]);
}, 360_000);
afterAll(async () => {
  worker?.child.kill('SIGKILL');
  await worker?.ended;
  await server?.stop();
  await database?.drop();
  folder.remove();
});

test('a sheet’s snapshot is written to the bucket, and the sheet is read from there', async () => {
  const options = {
    cwd: folder.path,
    env: {
      DATABASE_URL: database.appUrl,
      TEMPORAL_ADDRESS: temporalAddress(),
      TIDEMARK_BLOBS: `s3://${BUCKET}/of the/sheets`,
      AWS_ENDPOINT_URL_S3: server.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    },
    timeoutMs: 120_000,
  };
  worker = startCli(['worker'], options);
  await worker.waitFor('"msg":"running"', 60_000);
  expect(
    await runCli(['import', '-', '--sheet', 'flights', '--rows-per-entry', '1'], { ...options, input: 'from,to\nAMS,LIS\n' }),
  ).toMatchObject({ code: 0 });

  const log = createPostgresEventLog({ pool: database.pool, logId: 'flights' });
  const { endSequenceId } = await log.query('start', 'end');
  await log.setMetadata(endSequenceId - 1n, { pending: 'snapshot' });
  const { snapshot } = await until(
    'the snapshot is taken',
    async () => (await log.query('start', 'end')).entries.find((entry) => entry.snapshot),
    30_000,
  );

  const { Contents = [] } = await server.client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  expect(Contents.map(({ Key }) => Key)).toContain(`of the/sheets/flights/${snapshot}`);
  const shown = await runCli(['show', 'flights', 'A1:B2'], options);
  expect(shown.stdout).toMatch(/AMS.*LIS/);

  // The first entries are gone now: what they hold can only come from the bucket.
  await log.truncate(endSequenceId - 1n);
  expect((await runCli(['show', 'flights', 'A1:B1'], options)).stdout).toMatch(/from.*to/);
  for (const { stdout, stderr } of [worker.output(), shown]) expect(stdout + stderr).not.toContain(CREDENTIALS.secretAccessKey);
}, 180_000);
