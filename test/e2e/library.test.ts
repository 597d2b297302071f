/** The application of the README on real Postgres and real Temporal: facts in, work done, whoever asks and however. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import {
  createMemoryBlobStore,
  createTidemark,
  defineTopics,
  defineWorker,
  openSheet,
  resendPending,
  sheet,
  TemporalWorkerHost,
  type WorkerReport,
} from '../../src/index.ts';
import { type RunningWorker, startWorker } from '../../src/temporal/start-worker.ts';
import { createHarness, expectWork, runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { note, ORDER_TABLES, order, sendInvoice } from '../support/order-app.ts';
import { temporalAddress, workflowBundle } from '../support/servers.ts';
import { until } from '../support/until.ts';

const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string() }) });
/** Fails at first, and would be tried again in ten minutes. */
const confirm = defineWorker(topics, {
  topic: 'order-placed',
  subscription: 'confirm',
  retry: { initialMs: 600_000 },
  async handler({ data }, { db, attempt }) {
    await db.query('insert into public.invoices (order_id, attempt) values ($1, $2)', [data.orderId, attempt]);
    if (attempt === 1) throw new Error('not yet');
  },
});

let database: TestDatabase;
let tidemark: ReturnType<typeof create>;
const create = () =>
  createTidemark({ db: database.pool, logTypes: [order, note], entryWork: [sendInvoice], blobs, topics, workers: [confirm] });
const blobs = createMemoryBlobStore();
const workers: RunningWorker[] = [];

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 50 });
  await database.ownerPool.query(ORDER_TABLES);
  tidemark = create();
});

afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await tidemark?.close();
  await database?.drop();
});

const newId = () => `o-${randomUUID().slice(0, 8)}`;

async function startAppWorker(): Promise<void> {
  workers.push(
    await startWorker({
      registry: tidemark.registry,
      pool: database.pool,
      schema: tidemark.schema,
      blobs,
      temporal: { address: temporalAddress(), namespace: 'default' },
      starter: { connectionString: database.appUrl },
      workflowBundle: workflowBundle(),
    }),
  );
}

test('work asked for before the first worker has ever started is done when one does', async () => {
  const id = newId();
  await tidemark.transaction(async ({ tx, log }) => {
    await tx.query('insert into orders (id) values ($1)', [id]);
    await log(order, id).append({ type: 'Placed', qty: 2 }, { expect: 'any', pending: 'send-invoice', actor: 'ada' });
  });
  await expectWork(tidemark, { log: id, state: 'ready' });
  await startAppWorker();
  await runUntilIdle(tidemark, { by: 'workers' });
  const [unit] = await expectWork(tidemark, { log: id, workflow: 'send-invoice', state: 'done', count: 1 });
  expect(unit).toMatchObject({ result: { billed: 2 }, actor: 'ada' });
  expect((await database.pool.query('select attempt from invoices where order_id = $1', [id])).rows).toEqual([{ attempt: 1 }]);
  expect((await tidemark.log(order, id).eventLog.query('start', 'end')).entries).toEqual([{ type: 'Placed', qty: 2 }]);
});

test('a hundred transactions end with their state, their snapshots and one invoice each', async () => {
  const ids = Array.from({ length: 10 }, newId);
  await Promise.all(
    ids.map(async (id) => {
      for (let count = 0; count < 10; count += 1) {
        await tidemark.transaction(({ log }) =>
          log(order, id).append({ type: 'Placed', qty: 1 }, { expect: BigInt(count), pending: count === 4 ? 'send-invoice' : undefined }),
        );
      }
    }),
  );
  await runUntilIdle(tidemark, { by: 'workers' });
  for (const id of ids) {
    await expectWork(tidemark, { log: id, state: 'done', count: 2 });
    const log = tidemark.log(order, id);
    expect(await log.read()).toEqual({ state: { open: 10, entries: 10 }, sequenceId: 10n });
    const { lastSnapshot, entries } = await log.eventLog.query('start', 'end', -1n);
    expect(lastSnapshot?.sequenceId).toBe(9n);
    expect(entries.filter((entry) => entry.pending !== undefined)).toEqual([]);
  }
  const { rows } = await database.pool.query('select count(*)::integer as invoices from invoices where order_id = any ($1)', [ids]);
  expect(rows).toEqual([{ invoices: 10 }]);
});

test('a sheet is written and read through the same instance', async () => {
  const log = tidemark.log(sheet, newId());
  await log.append(
    {
      type: 'SetCellRange',
      row: 0,
      column: 0,
      values: [
        ['Mira', 3],
        ['Theo', 4],
      ],
    },
    { expect: 0n },
  );
  await log.append({ type: 'SetCellValueAndFormat', row: 1, column: 1, value: 5 }, { expect: 1n, pending: 'snapshot' });
  await runUntilIdle(tidemark, { by: 'workers' });
  await log.eventLog.truncate(1n);
  const view = await openSheet({ log: log.eventLog, blobs: await log.blobs() });
  expect((await view.getRange({ row: 0, column: 0, rowCount: 2, columnCount: 2 })).map((cells) => cells.map((cell) => cell.value))).toEqual(
    [
      ['Mira', 3],
      ['Theo', 5],
    ],
  );
});

test('a harness waits for workers that are running: a message that failed is tried again at once, and takes effect once', async () => {
  const harness = await createHarness(tidemark, { by: 'workers' });
  const orderId = newId();
  const { messageId, deliveries } = await harness.publish('order-placed', { orderId });
  expect(deliveries).toBe(1);
  await harness.drain();
  const [delivery] = await harness.expect({ subscription: 'confirm', messageId, count: 1 });
  expect(delivery).toMatchObject({ state: 'done', attempt: 2 });
  const execution = `select execution from tidemark.work where id = 'delivery/confirm/${messageId}'`;
  expect((await database.pool.query(execution)).rows[0].execution).toContain(`/delivery/confirm/${messageId}`);
  expect((await database.pool.query('select attempt from invoices where order_id = $1', [orderId])).rows).toEqual([{ attempt: 2 }]);
  await expect(harness.drain({ faults: [{ subscription: 'confirm', fault: 'timeout' }] })).rejects.toThrow('Faults are for');
});

test('TemporalWorkerHost has the work of a lost unit done, and reports it', async () => {
  const id = newId();
  await database.pool.query("update tidemark.work_group set paused = true where name = 'order'");
  await tidemark.log(order, id).append({ type: 'Placed', qty: 7 }, { expect: 'any', pending: 'send-invoice' });
  await database.ownerPool.query('delete from tidemark.work where log_id = $1', [id]);
  await database.pool.query("update tidemark.work_group set paused = false where name = 'order'");
  const host = new TemporalWorkerHost({ db: database.pool, pollMs: 20 });
  const reports: WorkerReport[] = [];
  host.onReport = (report) => reports.push(report);
  expect(await resendPending(tidemark.log(order, id).eventLog, host)).toBe(1);
  await until('the report', () => reports.length > 0);
  expect(reports).toEqual([{ type: 'done', workflow: 'send-invoice', sequenceId: 0n }]);
  expect((await database.pool.query('select attempt from invoices where order_id = $1', [id])).rows).toHaveLength(1);
  await host.close();
});
