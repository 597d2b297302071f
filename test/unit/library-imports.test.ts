/** What an application loads with the library: little, and none of it Temporal. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as client from '../../src/client.ts';
import * as library from '../../src/index.ts';
import * as s3 from '../../src/s3.ts';
import * as testing from '../../src/testing.ts';

const src = fileURLToPath(new URL('../../src/', import.meta.url));

/** Everything that is loaded with a file, as TypeScript leaves it: type-only imports are gone, dynamic ones count where asked. */
function importGraph(entry: string, options: { dynamic: boolean }): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(file, 'utf8');
    const statements = [...text.matchAll(/^(?:import|export)\s(?!type\s)(?:[^;]*?\sfrom\s)?'([^']+)'/gm)].map(
      (match) => match[1] as string,
    );
    const calls = [...text.matchAll(/\bimport\('([^']+)'\)/g)].map((match) => match[1] as string);
    for (const name of options.dynamic ? [...statements, ...calls] : statements) {
      if (name.startsWith('.')) visit(resolve(dirname(file), name));
      else packages.add(name.replace(/^((?:@[^/]+\/)?[^/]+).*$/, '$1'));
    }
  };
  visit(resolve(src, entry));
  return { files, packages };
}

describe.each(['index.ts', 'client.ts', 'testing.ts'])('%s', (entry) => {
  test('loads nothing of Temporal, not even later', () => {
    const { files, packages } = importGraph(entry, { dynamic: true });
    expect(files.size).toBeGreaterThan(30);
    expect([...packages].filter((name) => name.startsWith('@temporalio'))).toEqual([]);
    expect([...files].filter((file) => /src\/(temporal|activities|workflows|embedded|cli)\//.test(file))).toEqual([]);
  });

  test('loads pg, zod, the API of OpenTelemetry, a parser of event streams and parts of Node, and nothing else', () => {
    const { packages } = importGraph(entry, { dynamic: false });
    const known = entry === 'client.ts' ? ['pg', 'zod', 'eventsource-parser'] : ['pg', 'zod', '@opentelemetry/api'];
    expect([...packages].filter((name) => !name.startsWith('node:') && !known.includes(name))).toEqual([]);
  });
});

test("'tidemark/http' loads a web server, and nothing of Temporal, not even later", () => {
  const { files, packages } = importGraph('http.ts', { dynamic: true });
  expect([...packages]).toContain('fastify');
  expect([...packages].filter((name) => name.startsWith('@temporalio'))).toEqual([]);
  expect([...files].filter((file) => /src\/(temporal|activities|workflows|embedded|cli)\//.test(file))).toEqual([]);
  for (const entry of ['index.ts', 'client.ts', 'testing.ts']) {
    expect([...importGraph(entry, { dynamic: true }).packages].filter((name) => name.includes('fastify'))).toEqual([]);
  }
});

test("'tidemark/adapters' loads none of the libraries that it adapts", () => {
  const { files, packages } = importGraph('adapters.ts', { dynamic: true });
  expect([...files].filter((file) => file.includes('/adapters/')).length).toBeGreaterThan(5);
  expect([...packages]).toEqual(['node:crypto']);
});

test('the client loads neither pg nor anything of Node', () => {
  const { files, packages } = importGraph('client.ts', { dynamic: true });
  expect([...packages].sort()).toEqual(['eventsource-parser', 'zod']);
  expect([...files].filter((file) => /\/src\/(postgres|work|cli|temporal)\//.test(file))).toEqual([]);
});

test("the AWS SDK is loaded by 'tidemark/s3' alone, and by the command where blobs are in S3", () => {
  const loads = (entry: string, dynamic: boolean) =>
    [...importGraph(entry, { dynamic }).packages].some((name) => name.startsWith('@aws-sdk') || name.startsWith('@smithy'));
  for (const entry of ['index.ts', 'testing.ts']) expect(loads(entry, true), entry).toBe(false);
  for (const entry of ['worker.ts', 'starter.ts', 'blob-store/open-blob-store.ts']) expect(loads(entry, false), entry).toBe(false);
  expect(loads('blob-store/open-blob-store.ts', true)).toBe(true);
  expect(loads('s3.ts', false)).toBe(true);
  expect([...importGraph('s3.ts', { dynamic: true }).packages].filter((name) => name.startsWith('@temporalio'))).toEqual([]);
});

test("Protobuf is loaded by 'tidemark/protobuf' alone", () => {
  const loads = (entry: string) => [...importGraph(entry, { dynamic: true }).packages].includes('@bufbuild/protobuf');
  for (const entry of ['index.ts', 'testing.ts', 'client.ts', 'worker.ts']) expect(loads(entry), entry).toBe(false);
  expect(loads('protobuf.ts')).toBe(true);
});

test('the graph sees Temporal where it is', () => {
  expect([...importGraph('temporal/start-worker.ts', { dynamic: false }).packages]).toContain('@temporalio/worker');
});

test('the public surface is what it is said to be', () => {
  expect(Object.keys(library).sort()).toEqual([
    'BlobNotFoundError',
    'BlobWrongKindError',
    'CellConflictError',
    'ConflictError',
    'CorruptBlobError',
    'EditUnconfirmedError',
    'EnqueueUnavailableError',
    'FencedError',
    'HistoryGoneError',
    'IdempotencyKeyReusedError',
    'InvalidBlobNameError',
    'InvalidInputError',
    'JobFailedError',
    'JobNotFoundError',
    'LogNotFoundError',
    'NoContinuationError',
    'NonRetryableError',
    'NotExposedError',
    'QueueFullError',
    'RetryAfterError',
    'SequenceRangeError',
    'SetupError',
    'SheetClosedError',
    'SimpleWorker',
    'SimpleWorkerHost',
    'SourceChangedError',
    'SourceRefusedError',
    'SourceUnavailableError',
    'SubscriptionNotFoundError',
    'TemporalWorkerHost',
    'TidemarkError',
    'TopicNotFoundError',
    'UnavailableError',
    'Unchanged',
    'UnknownJobError',
    'UnknownWorkflowError',
    'WorkbookExistsError',
    'WorkbookNotFoundError',
    'applySubscriptions',
    'binary',
    'blobsOfLog',
    'collectGarbage',
    'compactLog',
    'connectionName',
    'createDirectoryBlobStore',
    'createLog',
    'createMemoryBlobStore',
    'createMemoryEventLog',
    'createPostgresBlobStore',
    'createPostgresEventLog',
    'createTidemark',
    'defineEntryWork',
    'defineJob',
    'defineLogType',
    'defineSchedule',
    'defineSource',
    'defineTopics',
    'defineWorker',
    'downloadRecordsJob',
    'eraseCells',
    'exportCsv',
    'exportXlsx',
    'firingOf',
    'importCsv',
    'importXlsx',
    'invokeWorkflow',
    'jobTopics',
    'messageToJson',
    'migrate',
    'notificationWorkerToWorker',
    'onChange',
    'openSheet',
    'parseSequenceId',
    'planSubscriptions',
    'resendPending',
    'secretName',
    'sheet',
    'takeSnapshot',
    'triggerTypedEvent',
    'typedWorkers',
    'withHistory',
    'workerToExperimentWorker',
  ]);
  expect(Object.keys(client)).toEqual(
    expect.arrayContaining(['connect', 'createMemoryBlobStore', 'createMemoryEventLog', 'openSheet', 'sheet']),
  );
  expect(Object.keys(s3)).toEqual(['createS3BlobStore']);
  expect(Object.keys(testing).sort()).toEqual([
    'createHarness',
    'createMemoryTidemark',
    'deliver',
    'expectRegistered',
    'expectSuccessfulTypedBackground',
    'expectWork',
    'resetDatabase',
    'runJob',
    'runUntilIdle',
    'saveFixtures',
  ]);
});
