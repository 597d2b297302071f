/** A call to a Temporal that has gone ends within its deadline, well before the lease of what was to be started runs out. */
import type { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { connectClient, connectWorker } from '../../src/temporal/connection.ts';
import { executionIsRunning, startClaim } from '../../src/work/start.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createTestDirectory, startTestTemporal } from '../support/servers.ts';

let directory: Awaited<ReturnType<typeof createTestDirectory>>;
let temporal: EmbeddedTemporal;
let database: TestDatabase;
let clients: Record<'worker' | 'starter', Awaited<ReturnType<typeof connectClient>>>;
let close: () => Promise<void>;

beforeAll(async () => {
  directory = await createTestDirectory();
  database = await createTestDatabase();
  temporal = await startTestTemporal(directory.path, { keepState: false });
  const target = { address: temporal.address, namespace: 'default' };
  const worker = await connectWorker(target);
  const starter = await connectClient(target);
  clients = { worker: worker.client, starter };
  close = async () => {
    await worker.connection.close();
    await (starter.connection as Connection).close();
  };
  await temporal.kill();
});

afterAll(async () => {
  await close?.();
  await database?.drop();
  await directory?.remove();
});

const DEADLINE_MS = 500;
/** On a machine that is busy. The patience of a worker's connection is twice that. */
const MOST_MS = 3_000;

async function elapsed(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await call();
  return performance.now() - startedAt;
}

test.each(['worker', 'starter'] as const)('on the connection of a %s', async (kind) => {
  const client = clients[kind];
  const start = () =>
    startClaim(
      {
        db: database.db,
        client,
        taskQueue: 'gone',
        leaseMs: 4_000,
        deadlineMs: DEADLINE_MS,
        eager: kind === 'worker',
        searchAttributes: false,
      },
      {
        token: '00000000-0000-4000-8000-000000000000',
        units: 1,
        executions: [{ execution: 'gone/1', workflow: 'snapshot', group: 'sheet', unit: { id: 'snapshot/gone/1', epoch: 1 } }],
      },
    );
  let outcome: Awaited<ReturnType<typeof start>> | undefined;
  expect(
    await elapsed(async () => {
      outcome = await start();
    }),
  ).toBeLessThan(MOST_MS);
  expect(outcome).toMatchObject({ started: 0, unavailable: expect.any(Error) });

  const describe = executionIsRunning({ client, deadlineMs: DEADLINE_MS, eager: kind === 'worker' });
  expect(await elapsed(() => expect(describe('gone/1')).rejects.toThrow())).toBeLessThan(MOST_MS);
});
