/** What a person does about messages: subscriptions and dead letters from the command line, and what each keeps, does once, or refuses. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { applySubscriptions, createTidemark, defineTopics, defineWorker, type MessageContext } from '../../src/index.ts';
import { backfillSubscription } from '../../src/messages/backfill.ts';
import { keepSubscriptions } from '../../src/messages/keep-subscriptions.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { redriveWork } from '../../src/work/redrive.ts';
import { sweep, sweepCounters } from '../../src/work/sweep.ts';
import { createFolder, runCliHere } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporalAddress } from '../support/servers.ts';

const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string() }), other: z.object({}) });
let handle: (data: { orderId: string }, context: MessageContext) => unknown = () => {};
const mail = defineWorker(topics, {
  topic: 'order-placed',
  subscription: 'mail',
  handler: ({ data }, context) => handle(data, context),
  deadLetter: { maxDeliveryAttempts: 1 },
});
const stock = defineWorker(topics, { topic: 'order-placed', subscription: 'stock', handler: () => {}, enableMessageOrdering: true });

let database: TestDatabase;
let tidemark: ReturnType<typeof create>;
let folder: ReturnType<typeof createFolder>;
let env: Record<string, string>;
const create = () => createTidemark({ db: database.pool, topics, workers: [mail, stock] });

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createFolder();
  env = { DATABASE_URL: database.appUrl, TEMPORAL_ADDRESS: '127.0.0.1:1' };
  tidemark = create();
  const of = (path: string) => JSON.stringify(pathToFileURL(path).href);
  writeFileSync(
    join(folder.path, 'app.mjs'),
    `import { createTidemark, defineTopics, defineWorker } from ${of('src/index.ts')};
import { z } from ${of('node_modules/zod/index.js')};
const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string() }) });
const mail = defineWorker(topics, { topic: 'order-placed', subscription: 'mail', handler: () => {}, maxMessages: 3 });
export default createTidemark({ db: { query: async () => ({ rows: [] }) }, topics, workers: [mail] });`,
  );
});
beforeEach(async () => {
  handle = () => {};
  await database.ownerPool.query(
    'delete from tidemark.subscription; delete from tidemark.work; delete from tidemark.message; delete from tidemark.work_decision; delete from tidemark.work_group',
  );
  await applySubscriptions(database.db, [mail]);
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
  folder?.remove();
});

const cli = (...args: string[]) => runCliHere(args, { cwd: folder.path, env });

async function json(args: string[], expectedCode = 0) {
  const { code, stdout, stderr } = await cli(...args, '--json');
  expect({ code, stderr }).toEqual({ code: expectedCode, stderr: '' });
  return JSON.parse(stdout);
}

test('wake says what a worker of these subscriptions, or of all but these, would have to do; it takes no name that is none', async () => {
  await applySubscriptions(database.db, [mail, stock]);
  await database.ownerPool.query(`update tidemark.work_group set paused = true where name = 'stock'`);
  await tidemark.publish('order-placed', { orderId: '2' });
  const wake = (...args: string[]) =>
    runCliHere(['wake', '--json', ...args], { cwd: folder.path, env: { ...env, TEMPORAL_ADDRESS: temporalAddress() } });
  expect(await wake('--subscriptions', 'mail')).toMatchObject({ code: 0, stdout: '{"due":1,"running":0,"abandoned":0}\n' });
  expect(await wake('--subscriptions', 'stock')).toMatchObject({ code: 3, stdout: '{"due":0,"running":0,"abandoned":0}\n' });
  expect(await wake('--except', 'mail')).toMatchObject({ code: 3, stdout: '{"due":0,"running":0,"abandoned":0,"scheduled":0}\n' });
  expect(await wake('--except', 'stock')).toMatchObject({ code: 0 });
  const misspelt = { code: 2, stderr: "tidemark: 'mial' is not a subscription of this database (mail, stock).\n" };
  expect(await wake('--subscriptions', 'mial')).toMatchObject(misspelt);
  expect(await wake('--except', 'mail,mial')).toMatchObject(misspelt);
});

/** Published, and dead of this error. @returns the unit's id */
async function dead(message: string, orderId: string = randomUUID()): Promise<string> {
  handle = () => {
    throw new Error(message);
  };
  const { messageId } = await tidemark.publish('order-placed', { orderId }, { actor: 'shop', correlationId: 'c-1' });
  await runUntilIdle(tidemark);
  handle = () => {};
  return `delivery/mail/${messageId}`;
}

async function states(): Promise<Record<string, string>> {
  const { rows } = await database.pool.query('select id, state from tidemark.work order by id');
  return Object.fromEntries(rows.map((row) => [row.id, row.state]));
}

describe('a dead letter', () => {
  test('is listed by subscription, error and age, and shown with its message, error and stack', async () => {
    const id = await dead('the server said 550', 'o-1');
    await dead('no such address', 'o-2');
    const found = await json(['dlq', 'list', '--subscription', 'mail', '--error', '550']);
    expect(found.deadLetters).toEqual([
      expect.objectContaining({
        id,
        attempt: 1,
        error: expect.objectContaining({ code: 'handler_failed', message: 'the server said 550' }),
        message: expect.objectContaining({ topic: 'order-placed', data: { orderId: 'o-1' }, actor: 'shop', correlationId: 'c-1' }),
      }),
    ]);
    const { fingerprint } = found.deadLetters[0];
    expect((await json(['dlq', 'list', '--fingerprint', fingerprint])).deadLetters).toHaveLength(1);
    expect((await json(['dlq', 'list', '--age', '1h'])).deadLetters).toEqual([]);
    expect((await cli('dlq', 'list')).stdout).toMatch(
      new RegExp(`^${id} +mail +1 .*handler_failed: the server said 550 +{"orderId":"o-1"}$`, 'm'),
    );
    const { stdout, code } = await cli('dlq', 'show', id);
    expect(code).toBe(0);
    expect(stdout).toContain('payload     {"orderId":"o-1"}');
    expect(stdout).toMatch(/stack +Error: the server said 550\n +at /);
    expect(await cli('dlq', 'show', 'delivery/mail/999999')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no unit 'delivery/mail/999999'"),
    });
  });

  test('is redriven once, however often that is asked for, counted anew from the first attempt, and who did it is kept', async () => {
    const id = await dead('no');
    expect(await json(['dlq', 'redrive', '--subscription', 'mail'])).toMatchObject({ dead: 1 });
    expect(await states()).toEqual({ [id]: 'dead' });
    const redrive = ['dlq', 'redrive', '--subscription', 'mail', '--yes', '--actor', 'ines', '--correlation', 'ticket-7'];
    expect(await json(redrive)).toMatchObject({ changed: 1 });
    expect(await json(redrive)).toMatchObject({ dead: 0, changed: 0 });
    const selection = { ids: [id] };
    expect(await Promise.all([redriveWork(database.db, selection), redriveWork(database.db, selection)])).toEqual([0, 0]);
    const [shown] = [await json(['dlq', 'show', id])];
    expect(shown.decisions).toEqual([
      expect.objectContaining({ decision: 'redrive', code: 'handler_failed', actor: 'ines', correlationId: 'ticket-7' }),
    ]);
    const attempts: unknown[] = [];
    handle = (_, { attempt, idempotencyKey }) => attempts.push([attempt, idempotencyKey]);
    await runUntilIdle(tidemark);
    expect(await states()).toEqual({ [id]: 'done' });
    expect(attempts).toEqual([[1, id]]);
  });

  test('of several at the same moment is redriven by one of them', async () => {
    const id = await dead('no');
    const all = await Promise.all(Array.from({ length: 4 }, () => redriveWork(database.db, { ids: [id] }, { actor: 'a' })));
    expect(all.reduce((sum, units) => sum + units, 0)).toBe(1);
    expect((await database.pool.query('select decision from tidemark.work_decision')).rows).toEqual([{ decision: 'redrive' }]);
  });

  test('waits for its turn where a rate is given', async () => {
    for (let at = 0; at < 4; at += 1) await dead('no');
    expect(await json(['dlq', 'redrive', '--state', 'dead', '--rate', '2/s', '--yes'])).toMatchObject({ changed: 4 });
    const { rows } = await database.pool.query(
      `select round(extract(epoch from not_before - min(not_before) over ()) * 1000)::integer as ms from tidemark.work order by not_before`,
    );
    // The first may begin at once: its time is when it was redriven.
    expect(
      rows
        .slice(1)
        .map(({ ms }, at) => ms - (at + 1) * 500)
        .every((off) => off <= 5 && off > -300),
    ).toBe(true);
    expect(await cli('dlq', 'redrive', '--state', 'dead', '--rate', '0')).toMatchObject({ code: 2 });
  });

  test('is discarded for good, and other dead units are none', async () => {
    const id = await dead('no');
    await database.ownerPool.query(`update tidemark.work set workflow = 'other' where id = $1`, [id]);
    expect(await json(['dlq', 'discard', '--state', 'dead', '--yes'])).toMatchObject({ dead: 0 });
    await database.ownerPool.query(`update tidemark.work set workflow = 'delivery' where id = $1`, [id]);
    expect(await json(['dlq', 'discard', id, '--yes'])).toMatchObject({ changed: 1 });
    expect(await states()).toEqual({ [id]: 'cancelled' });
    expect(await json(['dlq', 'discard', id, '--yes'], 1)).toMatchObject({ notDead: [{ id, state: 'cancelled' }] });
  });
});

describe('subscriptions', () => {
  test('are planned without a change, with exit code 1 where there is one, and applied', async () => {
    const planned = await json(['subscriptions', 'plan', '--app', 'app.mjs'], 1);
    expect(planned.changes).toEqual([
      { subscription: 'mail', change: 'update', differences: { maxMessages: { is: null, wanted: 3 } }, backlog: 0 },
    ]);
    expect((await cli('subscriptions', 'plan', '--app', 'app.mjs')).stdout).toMatch(
      /^~ mail: maxMessages null → 3\nTo change: 1 of 1.\nNo worker process takes mail. Start /,
    );
    await json(['subscriptions', 'apply', '--app', 'app.mjs']);
    expect((await cli('subscriptions', 'plan', '--app', 'app.mjs')).code).toBe(0);
  });

  test('are listed with what they have to do, paused and resumed', async () => {
    await tidemark.publish('order-placed', { orderId: 'a' });
    expect(await json(['subscriptions', 'pause', 'mail'])).toEqual({ subscription: 'mail', paused: true });
    await expect(runUntilIdle(tidemark, { timeoutMs: 300 })).rejects.toThrow('Is its group paused');
    expect((await json(['subscriptions', 'list'])).subscriptions).toEqual([
      expect.objectContaining({
        name: 'mail',
        topic: 'order-placed',
        paused: true,
        depth: expect.objectContaining({ waiting: 1, done: 0 }),
      }),
    ]);
    expect((await cli('subscriptions', 'list')).stdout).toMatch(/^mail \(paused\) +order-placed +1 /m);
    await cli('subscriptions', 'resume', 'mail');
    await runUntilIdle(tidemark);
    expect((await json(['subscriptions', 'list'])).subscriptions).toEqual([
      expect.objectContaining({ paused: false, depth: expect.objectContaining({ waiting: 0, done: 1 }) }),
    ]);
    expect(await cli('subscriptions', 'pause', 'nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("There is no subscription 'nobody'"),
    });
  });

  test('are removed, but not with a backlog or dead letters', async () => {
    await tidemark.publish('order-placed', { orderId: 'a' });
    expect(await cli('subscriptions', 'remove', 'mail')).toMatchObject({ code: 1, stderr: expect.stringContaining('have not ended') });
    const id = await dead('no');
    expect(await cli('subscriptions', 'remove', 'mail')).toMatchObject({ code: 1, stderr: expect.stringContaining('has dead letters') });
    await cli('dlq', 'discard', '--state', 'dead', '--yes');
    expect(await states()).toMatchObject({ [id]: 'cancelled' });
    expect(await cli('subscriptions', 'remove', 'mail')).toMatchObject({ code: 0, stdout: 'Subscription mail is removed.\n' });
    expect((await json(['subscriptions', 'list'])).subscriptions).toEqual([]);
    expect(await states()).toEqual({});
    expect((await tidemark.publish('order-placed', { orderId: 'a' })).deliveries).toBe(0);
  });

  test('that no worker has known for as long as they say are removed by the sweep and reported, with a backlog never', async () => {
    const idle = { ...mail, subscription: 'idle', expirationPolicy: { ttlMs: 60_000 } };
    const busy = { ...idle, subscription: 'busy' };
    const known = { ...idle, subscription: 'known' };
    await applySubscriptions(database.db, [idle, known]);
    await tidemark.publish('order-placed', { orderId: 'a' });
    await database.ownerPool.query(`delete from tidemark.work where group_name <> 'mail'`);
    await applySubscriptions(database.db, [busy]);
    await tidemark.publish('order-placed', { orderId: 'b' });
    await database.ownerPool.query(
      `update tidemark.subscription set used_at = now() - interval '2 minutes'; delete from tidemark.work where group_name in ('idle', 'known')`,
    );
    const warned: string[] = [];
    const stop = await keepSubscriptions(database.db, [known, { ...mail, maxMessages: 5 }, stock], ['known', 'mail'], (line) =>
      warned.push(line),
    );
    stop();
    expect(warned).toEqual([
      "Subscription 'busy' has a backlog of 1 and no worker here. Start one that defines it, or remove it: 'tidemark subscriptions remove busy'.",
      "Subscription 'mail' differs from its worker in maxMessages. Run 'tidemark subscriptions apply'.",
    ]);
    const reported: string[] = [];
    const options = {
      staleAfterMs: 60_000,
      pendingAfterMs: 60_000,
      isRunning: async () => true,
      report: (line: string) => reported.push(line),
    };
    await sweep(database.db, options);
    await sweep(database.db, options);
    expect(reported).toEqual([expect.stringMatching(/^Subscription 'idle' was removed: /)]);
    expect((await json(['subscriptions', 'list'])).subscriptions.map(({ name }: { name: string }) => name)).toEqual([
      'busy',
      'known',
      'mail',
    ]);
    expect(await sweepCounters(database.db)).toMatchObject({ expired_subscription: 1 });
  });
});

describe('a backfill', () => {
  const publish = (orderId: string, orderingKey?: string) =>
    tidemark.publish('order-placed', { orderId }, orderingKey === undefined ? {} : { orderingKey });
  const count = async (state?: string) => Object.values(await states()).filter((one) => state === undefined || one === state).length;

  test('brings what was published before the subscription, once, and in order', async () => {
    for (let at = 0; at < 5; at += 1) await publish(`o-${at}`, 'k');
    await database.ownerPool.query(`update tidemark.message set published_at = published_at - interval '1 hour'`);
    await database.ownerPool.query(`delete from tidemark.work`);
    await applySubscriptions(database.db, [stock]);
    await publish('later', 'k');
    expect(await json(['subscriptions', 'backfill', 'stock', '--since', '10m'])).toMatchObject({ deliveries: 0, isComplete: true });
    expect(await json(['subscriptions', 'backfill', 'stock', '--since', '2h'])).toMatchObject({ deliveries: 5, isComplete: true });
    const { rows } = await database.pool.query(
      `select m.data ->> 'orderId' as id from tidemark.work w join tidemark.message m on m.id = tidemark.delivery_message_id(w.id)
       where w.group_name = 'stock' order by w.position`,
    );
    expect(rows.map((row) => row.id)).toEqual(['later', 'o-0', 'o-1', 'o-2', 'o-3', 'o-4']);
    // What has ended is pruned some day: it is not brought again for that.
    await database.ownerPool.query(`delete from tidemark.work`);
    expect(await json(['subscriptions', 'backfill', 'stock', '--since', '2h'])).toMatchObject({ deliveries: 0 });
    expect(await count()).toBe(0);
  });

  test('that is cut off goes on where it stopped', async () => {
    await database.ownerPool.query(
      `insert into tidemark.message (topic, data, published_at) select 'order-placed', '{"orderId": "x"}', now() - interval '1 hour' from generate_series(1, 1200)`,
    );
    const since = new Date(Date.now() - 7_200_000);
    const stop = new AbortController();
    const first = await backfillSubscription(database.db, 'mail', { since, signal: stop.signal, onProgress: () => stop.abort() });
    expect(first).toMatchObject({ deliveries: 500, part: expect.closeTo(500 / 1200, 2) });
    expect(await backfillSubscription(database.db, 'mail', { since })).toEqual({ deliveries: 700, part: 1 });
    expect(await count('ready')).toBe(1_200);
  });

  test('waits for a transaction that was open before, and leaves out what has expired', async () => {
    const open = await database.pool.connect();
    await open.query('begin');
    await open.query(
      `insert into tidemark.message (topic, data, published_at, expires_at)
       values ('order-placed', '{"orderId": "in time"}', now() - interval '1 hour', null), ('order-placed', '{}', now() - interval '1 hour', now() - interval '1 minute')`,
    );
    const since = new Date(Date.now() - 7_200_000);
    const refused = backfillSubscription(database.db, 'mail', { since, waitMs: 100 });
    await expect(refused).rejects.toThrow('A transaction has been open');
    const brought = backfillSubscription(database.db, 'mail', { since });
    await open.query('commit');
    open.release();
    expect(await brought).toEqual({ deliveries: 1, part: 1 });
    expect(await cli('subscriptions', 'backfill', 'nobody', '--since', '1h')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nobody'),
    });
    expect(await cli('subscriptions', 'backfill', 'mail', '--since', 'yesterday')).toMatchObject({ code: 2 });
  });
});
