/** What each role may: a publisher publishes and nothing else, an enqueuer enqueues and nothing else, whoever reads row changes too, a reader reads. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { applySubscriptions, createTidemark, defineJob, defineTopics, defineWorker } from '../../src/index.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string() }) });
const mail = defineWorker(topics, { topic: 'order-placed', subscription: 'mail', handler: () => {}, enableMessageOrdering: true });
const order = { orderId: 'o1' };
const report = defineJob({ name: 'report', input: z.object({ month: z.string() }), handler: () => {} });

let database: TestDatabase;
const pools: Pool[] = [];
const logins: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  await applySubscriptions(database.db, [mail]);
  await database.pool.query(`insert into tidemark.logs (id, type) values ('sheet-1', 'sheet')`);
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  for (const login of logins) await database.ownerPool.query(`drop owned by ${login}; drop role ${login}`);
  await database?.drop();
});

/** A login that is a member of this role alone. */
async function connectAs(role: string): Promise<Pool> {
  const login = `test_${randomBytes(4).toString('hex')}`;
  const url = new URL(database.appUrl);
  await database.ownerPool.query(`create role ${login} login password '${url.password}' in role ${role}`);
  logins.push(login);
  url.username = login;
  const pool = createPool({ connectionString: url.href, max: 2, applicationName: role });
  pools.push(pool);
  return pool;
}

const denied = { code: '42501' };

describe.each(['tidemark_publisher', 'tidemark_cdc'])('%s', (role) => {
  let pool: Pool;
  beforeAll(async () => {
    pool = await connectAs(role);
  });

  test('publishes, by itself and in a transaction, with and without a key', async () => {
    const tidemark = createTidemark({ db: pool, topics });
    expect(await tidemark.publish('order-placed', order, { orderingKey: 'k', dedupeKey: role })).toMatchObject({ deliveries: 1 });
    expect(await tidemark.publish('order-placed', order, { dedupeKey: role })).toMatchObject({ isDuplicate: true });
    expect(await tidemark.transaction(({ publish }) => publish('order-placed', order))).toMatchObject({ deliveries: 1 });
    await tidemark.close();
  });

  test.each([
    'select * from tidemark.message',
    'select * from tidemark.work',
    `insert into tidemark.message (topic, data) values ('order-placed', '{}')`,
    `insert into tidemark.message_dedupe (topic, dedupe_key, message_id) values ('order-placed', 'x', 1)`,
    'delete from tidemark.subscription',
    `select tidemark.add_work('job/x/1', 'job', 'mail')`,
    `select tidemark.decide_dead('delivery/mail/1', 'redrive')`,
    `select tidemark.remove_subscription('mail')`,
    `select tidemark.begin_backfill('mail', now())`,
  ])('may not: %s', async (statement) => {
    await expect(pool.query(statement)).rejects.toMatchObject(denied);
  });

  test('cannot put a table of its own in the place of one of ours', async () => {
    const client = await pool.connect();
    try {
      await client.query('create temporary table subscription (name text, topic text, enabled boolean, ordered boolean, ttl interval)');
      await client.query(`insert into pg_temp.subscription values ('stolen', 'order-placed', true, false, null)`);
      const { rows } = await client.query(
        `select deliveries, message_id from tidemark.publish_message('order-placed', '{"orderId": "o2"}')`,
      );
      const delivered = await database.pool.query(`select group_name from tidemark.work where id like '%/' || $1`, [rows[0].message_id]);
      expect(delivered.rows).toEqual([{ group_name: 'mail' }]);
    } finally {
      client.release();
    }
  });
});

test('tidemark_cdc stores what it has read, and how far it is', async () => {
  const pool = await connectAs('tidemark_cdc');
  await pool.query(`insert into tidemark.change_slot (name, publication, checkpoint) values ('s', 'p', '0/1')`);
  await pool.query(`select tidemark.store_changes('s', '0/1', '0/2', now(), '{}', '{}', '{}', '{}', '[]')`);
  expect((await pool.query('select checkpoint from tidemark.change_slot')).rows).toEqual([{ checkpoint: '0/2' }]);
});

describe('tidemark_enqueuer', () => {
  let pool: Pool;
  beforeAll(async () => {
    pool = await connectAs('tidemark_enqueuer');
  });

  test('enqueues, by itself and in a transaction, once under an id', async () => {
    const tidemark = createTidemark({ db: pool, jobs: [report] });
    const input = { month: '2026-11' };
    expect(await tidemark.enqueue(report, input, { id: 'x', fairnessKey: 'k' })).toMatchObject({ answer: 'created' });
    expect(await tidemark.enqueue(report, input, { id: 'x' })).toMatchObject({ answer: 'ignored' });
    expect(await tidemark.transaction(({ enqueue }) => enqueue(report, input))).toMatchObject({ answer: 'created' });
    await tidemark.close();
  });

  test.each([
    'select * from tidemark.work',
    'select * from tidemark.job_line',
    `select tidemark.publish_message('order-placed', '{}')`,
    `select tidemark.add_work('job/x/1', 'job', 'report')`,
    `select tidemark.cancel_job('job/report/x')`,
    `select tidemark.decide_dead('job/report/x', 'redrive')`,
    `select tidemark.enqueue_job('collect-garbage', '1')`,
    `select tidemark.enqueue_job('mail', '1')`,
    `select tidemark.enqueue_job('sheet', '1')`,
  ])('may not: %s', async (statement) => {
    await expect(pool.query(statement)).rejects.toMatchObject(denied);
  });

  test('has no say in the order of anything', async () => {
    const ordered = pool.query(`select tidemark.enqueue_job('report', '1', p_ordering_key => 'k')`);
    await expect(ordered).rejects.toMatchObject({ code: '42883' });
  });

  test.each([
    [`'a/b', '1'`, "Job 'a/b' has no name that can be used"],
    [`'report', '100%'`, "The id '100%' of a job 'report' cannot be used: write it as encodeURIComponent does"],
    [`'report', 'orders/7'`, "The id 'orders/7' of a job 'report' cannot be used"],
    [`'report', '%41'`, "The id '%41'"],
    [`'report', '%FF'`, "The id '%FF'"],
    [`'report', '%00'`, "The id '%00'"],
    [`'report', ''`, "The id ''"],
    [`'report', null`, 'The id NULL'],
    [`'report', repeat('x', 500)`, 'at most 500 bytes'],
    [`'report', '1', to_json(repeat('x', 262143))`, 'The input of a job is 262145 bytes; the limit is 262144'],
    [`'report', '1', p_priority => 101::smallint`, 'priority 101'],
    [`'report', '1', p_not_before => 'infinity'`, 'p_not_before infinity'],
    [`'report', '1', p_fairness_key => repeat('x', 201)`, 'fairness key of 201 characters'],
    [`'report', '1', p_actor => repeat('x', 501)`, 'p_actor, p_correlation_id or p_causation_id is too long'],
    [`'report', '1', p_mode => 'ignore'`, 'p_mode without p_key'],
    [`'report', '1', p_key => 'k', p_mode => 'ignore'`, "p_key 'k' cannot be used"],
    [`'report', 'y', p_key => 'id/x', p_mode => 'ignore'`, "p_key 'id/x' cannot be used"],
    [`'report', 'x', p_key => 'id/x', p_mode => 'replace'`, "p_key 'id/x' cannot be used"],
    [`'report', '1', p_key => 'key/k'`, 'p_mode NULL cannot be used'],
    [`'report', '1', p_key => 'key/k', p_mode => 'debounce'`, "p_mode 'debounce' needs p_window"],
    [`'report', '1', p_key => 'key/k', p_mode => 'ignore', p_window => '367 days'`, 'p_window 367 days'],
    [`'report', '1', p_key => 'key/k', p_mode => 'debounce', p_window => '1 s', p_max_wait => '-1 s'`, 'p_max_wait -00:00:01'],
  ])('is told what is wrong with: %s', async (given, message) => {
    const before = await database.pool.query('select count(*) from tidemark.work');
    await expect(pool.query(`select tidemark.enqueue_job(${given})`)).rejects.toMatchObject({
      code: '22023',
      message: expect.stringContaining(message),
    });
    expect((await database.pool.query('select count(*) from tidemark.work')).rows).toEqual(before.rows);
  });

  test('enqueues what others wrote: an id in any script is what TypeScript has of it', async () => {
    const tidemark = createTidemark({ db: database.pool, jobs: [report] });
    const id = `für/100% ☕ 😀!~*'()`;
    await pool.query('select tidemark.enqueue_job($1, $2, $3, p_key => $4, p_mode => $5)', [
      'report',
      encodeURIComponent(id),
      '{"month":"1"}',
      `id/${encodeURIComponent(id)}`,
      'ignore',
    ]);
    expect(await tidemark.enqueue(report, { month: '1' }, { id })).toMatchObject({ answer: 'ignored', id: `report:${id}` });
    await tidemark.close();
  });

  test('is the only one of them that does', async () => {
    const publisher = await connectAs('tidemark_publisher');
    await expect(publisher.query(`select tidemark.enqueue_job('report', '1')`)).rejects.toMatchObject(denied);
  });
});

test('tidemark_reader reads, and publishes nothing', async () => {
  const pool = await connectAs('tidemark_reader');
  expect((await pool.query('select count(*) > 0 as some from tidemark.message')).rows).toEqual([{ some: true }]);
  await expect(pool.query(`select tidemark.publish_message('order-placed', '{}')`)).rejects.toMatchObject(denied);
  await expect(pool.query('update tidemark.subscription set enabled = false')).rejects.toMatchObject(denied);
});

test('whoever is of no role does not reach any of it', async () => {
  const pool = await connectAs('pg_monitor');
  await expect(pool.query(`select tidemark.publish_message('order-placed', '{}')`)).rejects.toMatchObject(denied);
});

test('no function of ours looks for a table among temporary ones first', async () => {
  const { rows } = await database.pool.query(
    `select p.proname from pg_proc p where p.pronamespace = 'tidemark'::regnamespace and p.prokind = 'f'
       and exists (select 1 from unnest(p.proconfig) c where c like 'search_path=%' and c not like '%, pg_temp')`,
  );
  expect(rows).toEqual([]);
});
