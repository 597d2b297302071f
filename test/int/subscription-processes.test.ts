/** Which subscriptions nobody takes: of worker processes that run, those that run a part of them, and those that were killed. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { checkMessages } from '../../src/cli/doctor-messages.ts';
import { applySubscriptions, createTidemark, defineTopics, defineWorker } from '../../src/index.ts';
import { keepSubscriptions } from '../../src/messages/keep-subscriptions.ts';
import { takeSubscriptions } from '../../src/messages/taking-processes.ts';
import { createFolder, runCliHere } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string() }) });
const of = (subscription: string) => defineWorker(topics, { topic: 'order-placed', subscription, handler: () => {} });
const [index, mail, stock] = [of('index'), of('mail'), of('stock')];

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
const stopped: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createFolder();
  await applySubscriptions(database.db, [index, mail, stock]);
});
beforeEach(() => database.ownerPool.query('delete from tidemark.worker_process'));
afterAll(async () => {
  await Promise.all(stopped.map((stop) => stop()));
  await database?.drop();
  folder?.remove();
});

const refuse = (line: string) => expect.unreachable(line);
async function take(...names: string[]): Promise<() => Promise<void>> {
  const stop = await takeSubscriptions(database.db, names, refuse);
  stopped.push(stop);
  return stop;
}
const list = async (...args: string[]) =>
  (await runCliHere(['subscriptions', 'list', ...args], { cwd: folder.path, env: { DATABASE_URL: database.appUrl } })).stdout;
/** What doctor says of those that nobody takes. */
const doctor = async () =>
  (await checkMessages(database.pool, 'tidemark', undefined)).filter(({ found }) => found.includes('no worker process takes it'));

test('each is listed with the processes that take it; that nobody takes one is said, with what to start', async () => {
  await take('index');
  const rest = await take('index', 'stock');
  const { subscriptions } = JSON.parse(await list('--json'));
  expect(subscriptions.map(({ name, processes }: { name: string; processes: number }) => [name, processes])).toEqual([
    ['index', 2],
    ['mail', 0],
    ['stock', 1],
  ]);
  expect(await list()).toContain(
    "No worker process takes mail. Start 'tidemark worker' with an app that defines it, without --except mail, or with --subscriptions mail.",
  );
  expect(await doctor()).toEqual([
    {
      check: 'subscriptions',
      state: 'warning',
      found: 'mail: no worker process takes it, 0 waiting',
      fix: "Start 'tidemark worker' with an app that defines it, without --except mail, or with --subscriptions mail.",
    },
  ]);
  await take('mail');
  expect(await list()).not.toContain('No worker process');
  expect(await doctor()).toEqual([]);
  await rest();
  expect((await doctor()).map(({ found }) => found)).toEqual(['stock: no worker process takes it, 0 waiting']);
});

test('a process that was killed counts for a minute; a paused subscription need not be taken', async () => {
  await take('index', 'mail');
  await database.ownerPool.query(`update tidemark.worker_process set seen_at = now() - interval '61 seconds'`);
  await take('stock');
  expect(await doctor()).toHaveLength(2);
  await database.ownerPool.query(`update tidemark.work_group set paused = true where name = 'mail'`);
  expect((await doctor()).map(({ found }) => found)).toEqual(['index: no worker process takes it, 0 waiting']);
  await database.ownerPool.query(`update tidemark.work_group set paused = false where name = 'mail'`);
});

test('a worker that starts warns of nothing that another process takes', async () => {
  const tidemark = createTidemark({ db: database.pool, topics, workers: [index, mail, stock] });
  await tidemark.publish('order-placed', { orderId: 'o1' });
  await tidemark.close();
  const warned: string[] = [];
  const start = async () => (await keepSubscriptions(database.db, [index], ['index'], (line) => warned.push(line)))();
  await take('mail');
  await start();
  expect(warned).toEqual([expect.stringContaining("'stock' has a backlog of 1 and no worker here")]);
});
