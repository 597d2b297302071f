/** Subscriptions that a worker has to itself: on Temporal, with workers in this process, each as `tidemark worker` builds it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { missingBlobStore } from '../../src/blob-store/missing-blob-store.ts';
import { applySubscriptions, createTidemark, defineTopics, defineWorker } from '../../src/index.ts';
import { DELIVERY_WORKFLOW } from '../../src/messages/delivery-handler.ts';
import { listSubscriptions } from '../../src/messages/list-subscriptions.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { startStarter } from '../../src/temporal/start-starter.ts';
import { type RunningWorker, type StartWorkerOptions, startWorker } from '../../src/temporal/start-worker.ts';
import { claimWork } from '../../src/work/claim.ts';
import { DEFAULT_CLAIM_OPTIONS } from '../../src/work/loop.ts';
import { holdPart, partOf, readParts } from '../../src/work/part.ts';
import { registerWorkflows } from '../../src/work/register.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporalAddress, workflowBundle } from '../support/servers.ts';
import { until } from '../support/until.ts';

installRuntime({ verbose: false, log: () => {} });

const topics = defineTopics({ note: z.object({ n: z.number() }) });
const SUBSCRIPTIONS = ['index', 'mail', 'stock'];
let database: TestDatabase;
const running: RunningWorker[] = [];
/** Which worker handled what: '<worker> <subscription> <n>'. */
const handled = new Set<string>();

const workersOf = (name: string) =>
  SUBSCRIPTIONS.map((subscription) =>
    defineWorker(topics, { topic: 'note', subscription, handler: ({ data }) => void handled.add(`${name} ${subscription} ${data.n}`) }),
  );

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 40 });
  await registerWorkflows(database.db, [DELIVERY_WORKFLOW]);
  await applySubscriptions(database.db, workersOf('any'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((worker) => worker.stop()));
  handled.clear();
  await database.ownerPool.query('delete from tidemark.work_part; delete from tidemark.work');
});
afterAll(async () => {
  await database?.drop();
});

async function start(name: string, options: Pick<StartWorkerOptions, 'subscriptions' | 'except'> & Partial<StartWorkerOptions> = {}) {
  const { registry } = createTidemark({ db: database.pool, topics, workers: workersOf(name) });
  const worker = await startWorker({
    registry,
    pool: database.pool,
    schema: 'tidemark',
    blobs: missingBlobStore,
    temporal: { address: temporalAddress(), namespace: 'default' },
    starter: { sweepEveryMs: 200, staleAfterMs: 0 },
    workflowBundle: workflowBundle(),
    ...options,
  });
  running.push(worker);
  return worker;
}
const publish = async (n: number) => {
  const tidemark = createTidemark({ db: database.pool, topics, workers: workersOf('any') });
  await tidemark.publish('note', { n });
  await tidemark.close();
};
const untilHandled = (count: number, deadlineMs = 15_000) => until(`${count} are handled`, () => handled.size >= count, deadlineMs);
const ended = () => database.ownerPool.query(`update tidemark.work_part set seen_at = now() - interval '61 seconds'`);

test('a part has a maxInFlight of its own: what others run takes none of its places', async () => {
  await holdPart(database.db, partOf(['mail']));
  for (let n = 0; n < 10; n += 1) await publish(n);
  const options = { ...DEFAULT_CLAIM_OPTIONS, maxInFlight: 4, burstSize: 0 };
  const groups = async (scope: Parameters<typeof claimWork>[2]) =>
    (await claimWork(database.db, options, scope)).executions.map(({ group }) => group);
  expect(new Set(await groups({}))).toEqual(new Set(['index', 'stock']));
  expect(await groups({})).toEqual([]);
  expect(await groups({ only: ['mail'] })).toEqual(['mail', 'mail', 'mail', 'mail']);
  expect(await groups({ only: ['mail'] })).toEqual([]);
  // Who leaves some to others shares the places of the rest.
  expect(await groups({ except: ['index'] })).toEqual([]);
});

describe('beside a worker without either option', () => {
  let plain: RunningWorker | undefined;
  beforeAll(async () => {
    plain = await start('plain');
    running.length = 0;
  });
  afterAll(() => plain?.stop());

  test('a worker with --subscriptions runs those and nothing else; others, with or without --except, leave them alone', async () => {
    await start('part', { subscriptions: ['mail', 'index'] });
    await start('rest', { except: ['mail', 'index'] });
    const processes = async () => (await listSubscriptions(database.db)).map((one) => [one.name, one.processes]);
    expect(await processes()).toEqual([
      ['index', 2],
      ['mail', 2],
      ['stock', 2],
    ]);
    for (const n of [1, 2, 3]) await publish(n);
    await untilHandled(9);
    const byPart = [...handled].filter((one) => one.startsWith('part ')).sort();
    expect(byPart).toEqual([1, 2, 3].map((n) => `part index ${n}`).concat([1, 2, 3].map((n) => `part mail ${n}`)));
    expect([...handled].filter((one) => !one.startsWith('part ')).map((one) => one.split(' ')[1])).toEqual(['stock', 'stock', 'stock']);
    expect(await readParts(database.db)).toEqual([
      { part: partOf(['index', 'mail']).id, subscriptions: ['index', 'mail'], seenAt: expect.any(Date), isLive: true },
    ]);
    await Promise.all(running.splice(0).map((worker) => worker.stop()));
    expect((await processes()).map(([, count]) => count)).toEqual([1, 1, 1]);
  });

  test('what a part has to itself is run by others once it has not been seen for a minute, also what waits for it in Temporal', async () => {
    // Of a worker that is gone before it has run what its starter has started.
    const { rows } = await database.pool.query(`select id from tidemark.installation`);
    const client = await connectClient({ address: temporalAddress(), namespace: 'default' });
    const starter = await startStarter({ pool: database.pool, schema: 'tidemark', client, eager: false, part: partOf(['mail']) });
    await publish(1);
    const stateOf = async () => (await database.pool.query(`select state, execution from tidemark.work where group_name = 'mail'`)).rows[0];
    await until('its execution has been started', async () => (await stateOf())?.state === 'started');
    await starter.stop();
    const { execution } = await stateOf();
    const { taskQueue } = await client.workflow.getHandle(execution).describe();
    expect(taskQueue).toBe(`tidemark-${rows[0].id}-${partOf(['mail']).id}`);

    await untilHandled(2);
    expect([...handled].sort()).toEqual(['plain index 1', 'plain stock 1']);
    await ended();
    await until('others have run it', () => handled.has('plain mail 1'), 20_000);
    expect((await client.workflow.getHandle(execution).describe()).status.name).toBe('TERMINATED');
    await client.connection.close();
    expect(await readParts(database.db)).toMatchObject([{ subscriptions: ['mail'], isLive: false }]);
  });
});

test('a backlog is begun, read and ended while handlers hold every connection of the pool', async () => {
  const connectionString = database.appUrl;
  const [pool, statements] = [createPool({ connectionString, max: 3 }), createPool({ connectionString, max: 3 })];
  const worker = await start('busy', { pool, statements });
  running.length = 0;
  const held = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
  try {
    await database.pool.query(`select tidemark.publish_message('note', json_build_object('n', n)) from generate_series(1, 40) n`);
    await untilHandled(120);
    await until('all have ended', async () => {
      const { rows } = await database.ownerPool.query(`select count(*) as left from tidemark.work where state <> 'done'`);
      return rows[0].left === '0';
    });
  } finally {
    for (const client of held) client.release();
    await worker.stop();
    await Promise.all([pool.end(), statements.end()]);
  }
});
