/** Jobs with USE_JOBS=off: run by whoever enqueues them, with its database alone. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createTidemark, defineJob, InvalidInputError, type JobContext, JobFailedError, type Tidemark } from '../../src/index.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let tidemark: Tidemark;
let handle: (what: string, context: JobContext) => unknown = () => undefined;
const ran: string[] = [];
const handler = ({ what }: { what: string }, context: JobContext) => {
  ran.push(`${what} ${context.attempt}`);
  return handle(what, context);
};
const input = z.object({ what: z.string() });
const note = defineJob({
  name: 'note',
  input,
  handler,
  retry: { attempts: 3, initialMs: 30, jitter: 0 },
  keep: { completed: 2, failed: 1 },
});
const single = defineJob({ name: 'single', input, handler, concurrency: 1 });
const create = (useJobs = false) => createTidemark({ db: database.pool, jobs: [note, single], useJobs });

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(() => {
  ran.length = 0;
  handle = () => undefined;
  tidemark = create();
});
afterEach(async () => {
  await tidemark.close();
  await database.ownerPool.query('delete from tidemark.work; truncate tidemark.job_dedupe');
});
afterAll(async () => {
  await database?.drop();
});
const stateOf = async (id: string) => (await tidemark.job(id).status()).state;

describe('whoever enqueues has it done when', () => {
  test('its transaction resolves: in the order it was asked for, with attempts and the waits between them', async () => {
    handle = (what, { attempt }) => {
      if (what === 'b' && attempt < 3) throw new Error('not yet');
      return { what };
    };
    const beganAt = performance.now();
    const [a, b] = await tidemark.transaction(async ({ enqueue }) => {
      const first = await enqueue(note, { what: 'a' });
      const second = await enqueue(note, { what: 'b' });
      expect(ran).toEqual([]);
      return [first, second] as const;
    });
    expect(performance.now() - beganAt).toBeGreaterThan(85);
    expect(ran).toEqual(['a 1', 'b 1', 'b 2', 'b 3']);
    expect(await a.status()).toMatchObject({ state: 'done', result: { what: 'a' }, attempt: 1 });
    const { state, attempts, execution } = await b.status();
    expect({ state, execution }).toEqual({ state: 'done', execution: undefined });
    expect(attempts.map(({ error }) => error.message)).toEqual(['not yet', 'not yet']);
  });

  test('wake resolves, in a transaction of its own', async () => {
    const joined = await inTransaction(database.pool, async (tx) => {
      const here = tidemark.in(tx);
      await here.enqueue(note, { what: 'joined' });
      return here;
    });
    expect(ran).toEqual([]);
    await joined.wake();
    expect(ran).toEqual(['joined 1']);
  });

  test('enqueue resolves, and nothing is done of what was rolled back', async () => {
    const failed = tidemark.transaction(async ({ enqueue }) => {
      await enqueue(note, { what: 'lost' });
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    await tidemark.enqueue(note, { what: 'kept' });
    expect(ran).toEqual(['kept 1']);
  });

  test('it has failed for good: what was written stays, and its handle says why', async () => {
    handle = () => {
      throw new Error('broken');
    };
    const job = await tidemark.transaction(({ enqueue }) => enqueue(note, { what: 'x' }));
    expect(ran).toHaveLength(3);
    await expect(job.result()).rejects.toThrow(JobFailedError);
  });

  test('what it enqueued has been done too, unless it was undone', async () => {
    handle = async (what, { enqueue, attempt }) => {
      if (what === 'parent') await enqueue(single, { what: `child of ${attempt}` });
      if (what === 'parent' && attempt === 1) throw new Error('again');
    };
    await tidemark.enqueue(note, { what: 'parent' });
    expect(ran).toEqual(['parent 1', 'parent 2', 'child of 2 1']);
  });

  test('what a job enqueued by itself has been done too: beside it, also where that needs its place or what it has locked', async () => {
    await database.ownerPool.query(`drop table if exists public.document; create table public.document (id integer);
      insert into public.document values (1); grant all on public.document to public`);
    const states: string[] = [];
    handle = async (what, { db }) => {
      await db.query('update public.document set id = id + 1');
      if (what === 'outer') {
        const children = [await tidemark.enqueue(single, { what: 'behind' }), await tidemark.enqueue(note, { what: 'beside' })];
        for (const child of children) states.push((await child.status()).state);
      }
    };
    await tidemark.enqueue(single, { what: 'outer' });
    expect(ran.toSorted()).toEqual(['behind 1', 'beside 1', 'outer 1']);
    expect(states).not.toContain('done');
    const { rows } = await database.pool.query('select id from public.document');
    expect(rows).toEqual([{ id: 4 }]);
  });
});

test('more jobs at once than the application has connections go on with their progress and their steps, and so does the application', async () => {
  const pool = createPool({ connectionString: database.appUrl, max: 2 });
  const busy = createTidemark({ db: pool, jobs: [note, single], useJobs: false });
  let atOnce = 0;
  let most = 0;
  handle = async (what, { db, progress, heartbeat, step }) => {
    await db.query('select 1');
    atOnce += 1;
    most = Math.max(most, atOnce);
    if (what === '0') await until('others hold theirs', () => most === 8);
    await progress(0.5);
    await heartbeat();
    await step('one', ({ db: ofStep }) =>
      ofStep
        .query('select 1')
        .then(() => pool.query('select 1'))
        .then(() => 1),
    );
    atOnce -= 1;
  };
  await Promise.all(Array.from({ length: 20 }, (_, index) => busy.enqueue(note, { what: String(index) })));
  expect(ran).toHaveLength(20);
  expect(most).toBe(8);
  await busy.close();
  await pool.end();
});

test('one that would begin later is refused, and so is one that waits for others to come', async () => {
  await expect(tidemark.enqueue(note, { what: 'x' }, { notBefore: new Date(Date.now() + 60_000) })).rejects.toThrow('USE_JOBS is off');
  const debounced = tidemark.enqueue(note, { what: 'x' }, { dedupe: { key: 'k', mode: 'debounce', windowMs: 10 } });
  await expect(debounced).rejects.toThrow(InvalidInputError);
  expect((await tidemark.listJobs()).jobs).toEqual([]);
});

test('one that is cancelled from elsewhere ends within two seconds, and whoever enqueued it goes on', async () => {
  const other = create();
  let cancelledAt = 0;
  handle = async (_, { jobId, signal }) => {
    await other.job(jobId).cancel();
    cancelledAt = performance.now();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  const job = await tidemark.enqueue(note, { what: 'x' });
  expect(performance.now() - cancelledAt).toBeLessThan(5_000);
  expect(await stateOf(job.id)).toBe('cancelled');
  await other.close();
});

test('of two processes one runs it, and both wait for its end', async () => {
  handle = () => delay(150);
  const other = create();
  await Promise.all([tidemark, other].map((instance) => instance.enqueue(note, { what: 'x' }, { dedupe: { key: 'k', mode: 'replace' } })));
  const { jobs } = await tidemark.listJobs();
  expect(jobs.map(({ state }) => state)).toEqual(jobs.map(() => 'done'));
  expect(ran).toHaveLength(jobs.length);
  await other.close();
});

test('one that is redriven runs here, too', async () => {
  handle = () => {
    throw new Error('broken');
  };
  const { id } = await tidemark.enqueue(note, { what: 'x' });
  expect(await stateOf(id)).toBe('dead');
  handle = () => 'mended';
  await tidemark.redriveJobs({ name: 'note' });
  await until('it is done', async () => (await stateOf(id)) === 'done');
});

describe('what a process leaves behind when it dies', () => {
  const leave = async (sql: string, values: unknown[] = []) => database.ownerPool.query(sql, values);

  test('before it began is run by the next that looks', async () => {
    await leave(`select tidemark.enqueue_job('note', 'left', '{"what":"left"}')`);
    await tidemark.wake();
    expect(ran).toEqual(['left 1']);
  });

  test('while it ran is run again from its last step, once it has shown no sign of life for a minute', async () => {
    await leave(`select tidemark.enqueue_job('note', 'left', '{"what":"left"}')`);
    const id = 'job/note/left';
    const claim = await leave(`select epoch from tidemark.claim_job($1, $2, '10 seconds')`, [id, randomUUID()]);
    await leave(`select from tidemark.begin_work($1, $2, $3)`, [id, claim.rows[0].epoch, randomUUID()]);
    await leave(`insert into tidemark.job_step (work_id, name, result) values ($1, 'read', '7')`, [id]);
    await tidemark.wake();
    expect(ran).toEqual([]);
    await leave(`update tidemark.work set check_after = clock_timestamp() where id = $1`, [id]);
    handle = (_, { step }) => step('read', () => -1);
    await tidemark.wake();
    expect(ran).toEqual(['left 2']);
    expect(await tidemark.job('note:left').result()).toBe(7);
  });

  test('when it is asked to stop goes on at the next', async () => {
    handle = (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve));
    const enqueued = tidemark.enqueue(note, { what: 'stopped' });
    await until('it runs', () => ran.length === 1);
    await tidemark.close();
    const { id } = await enqueued;
    handle = () => 'done';
    tidemark = create();
    expect(await stateOf(id)).toBe('waiting');
    await tidemark.wake();
    expect(await tidemark.job(id).result()).toBe('done');
  });
});

test('keeps as many that have ended as their names say', async () => {
  handle = (what) => {
    if (what === 'bad') throw new Error('bad');
  };
  for (const what of ['a', 'b', 'c', 'bad', 'd', 'bad']) await tidemark.enqueue(note, { what });
  const states = async () =>
    (await tidemark.listJobs()).jobs
      .map(({ state }) => state)
      .sort()
      .join(' ');
  // Whoever waits for one has a minute to see its end.
  await tidemark.wake();
  expect(await states()).toBe('dead dead done done done done');
  await database.ownerPool.query(`update tidemark.work set finished_at = finished_at - interval '61 seconds'`);
  await tidemark.wake();
  expect(await states()).toBe('dead done done');
});

test('with jobs on, nobody runs them here, whether or not anybody does elsewhere', async () => {
  const on = create(true);
  const job = await on.transaction(({ enqueue }) => enqueue(note, { what: 'x' }));
  expect(await stateOf(job.id)).toBe('waiting');
  expect(ran).toEqual([]);
  await on.close();
});

test('an adapter without connections is refused where jobs would run in this process', () => {
  const db = { query: database.pool.query.bind(database.pool) };
  expect(() => createTidemark({ db, jobs: [note], useJobs: false })).toThrow('give createTidemark a pg Pool as db, or a connectionString');
  expect(() => createTidemark({ db, jobs: [note] })).not.toThrow();
});
