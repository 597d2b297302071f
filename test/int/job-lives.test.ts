/** What a job keeps and what it forgets: put off, given another input, enqueued again over one that has ended. With its database, without Temporal. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import {
  applySubscriptions,
  createTidemark,
  defineJob,
  defineWorker,
  type EnqueueOptions,
  type JobContext,
  jobTopics,
  NonRetryableError,
  QueueFullError,
} from '../../src/index.ts';
import { createJobOutput } from '../../src/jobs/job-output.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { sweep } from '../../src/work/sweep.ts';
import { workThroughput } from '../../src/work/throughput.ts';
import type { Unit } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let tidemark: ReturnType<typeof create>;
let handle: (month: string, context: JobContext) => unknown = () => undefined;
const report = defineJob({
  name: 'report',
  input: z.object({ month: z.string() }),
  handler: ({ month }, context) => handle(month, context),
  retry: { attempts: 3, initialMs: 0 },
});
const told: { topic: string; data: { name: string; result?: unknown } }[] = [];
const workers = (['job.completed', 'job.failed'] as const).map((topic) =>
  defineWorker(jobTopics, { topic, subscription: `told-${topic}`, handler: ({ data }) => void told.push({ topic, data }) }),
);
const limited = defineJob({ ...report, name: 'limited', maxWaitingPerActor: 2 });
const create = () => createTidemark({ db: database.pool, jobs: [report, limited], workers });
const enqueue = (options: EnqueueOptions, month = '1') => tidemark.enqueue(report, { month }, options);
const sql = async (statement: string) => (await database.ownerPool.query(statement)).rows;

beforeAll(async () => {
  database = await createTestDatabase();
  tidemark = create();
  await applySubscriptions(database.db, workers);
});
beforeEach(async () => {
  told.length = 0;
  await sql('delete from tidemark.work; truncate tidemark.job_dedupe');
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

test('one that may be put off for ever begins a window after the last, however often it is asked for', async () => {
  const dedupe = { key: 'k', mode: 'debounce', windowMs: 60_000 } as const;
  const first = await enqueue({ dedupe });
  for (let again = 0; again < 3; again += 1) {
    expect(await enqueue({ dedupe })).toMatchObject({ answer: 'replaced', id: first.id });
    expect(Number((await first.status()).notBefore) - Date.now()).toBeGreaterThan(50_000);
  }
});

test('one that has failed and waits for another try begins anew with the input that replaces its own: no step, no attempt, no progress of before', async () => {
  const dedupe = { key: 'k', mode: 'replace' } as const;

  handle = async (month, { step, progress, attempt }) => {
    const read = await step('read', () => `rows of ${month}`);
    if (month === '2') return [read, attempt];
    await progress(0.9);
    throw new Error('not yet');
  };
  const first = await enqueue({ dedupe });
  // Between two attempts, as a minute of backoff would show it.
  await sql(`update tidemark.work set state = 'claimed'; update tidemark.work set state = 'started', attempt = 1, fence = gen_random_uuid(), begun_at = now();
    insert into tidemark.job_step (work_id, name, result) select id, 'read', '"rows of 1"' from tidemark.work`);
  await sql(`select tidemark.record_progress(id, epoch, 1, fence, '{"fraction":0.9}') from tidemark.work`);
  await sql(`select tidemark.release_work(id, epoch, 1, fence, '{"code":"unexpected","message":"not yet"}') from tidemark.work`);
  expect(await first.status()).toMatchObject({ state: 'waiting', attempt: 1, progress: { fraction: 0.9 } });

  const replaced = await enqueue({ dedupe }, '2');
  expect(replaced).toMatchObject({ answer: 'replaced', id: first.id });
  const status = await first.status();
  expect(status).toMatchObject({ state: 'waiting', attempt: 0, attempts: [] });
  expect([status.progress, status.error, status.begunAt]).toEqual([undefined, undefined, undefined]);
  await runUntilIdle(tidemark);
  expect(await first.result()).toEqual(['rows of 2', 1]);
});

test('one that is enqueued again over one that has ended begins anew, from now', async () => {
  handle = async (month, { step }) => step('read', () => `rows of ${month}`);
  await sql(`select tidemark.enqueue_job('report', 'nightly', '{"month":"1"}')`);
  await runUntilIdle(tidemark);
  await sql(`update tidemark.work set created_at = created_at - interval '8 days', begun_at = begun_at - interval '8 days'`);
  await sql(`select tidemark.enqueue_job('report', 'nightly', '{"month":"2"}')`);
  const job = tidemark.job('report:nightly');
  const { enqueuedAt, begunAt } = await job.status();
  expect(Date.now() - Number(enqueuedAt)).toBeLessThan(60_000);
  expect(begunAt).toBeUndefined();
  await runUntilIdle(tidemark);
  expect(await job.result()).toBe('rows of 2');
});

test.each([{ total: null, rows: 3 }, null, { text: 'a\0b', half: '\ud800' }])(
  'whoever is told of an end has the result as it is kept: %j',
  async (result) => {
    handle = () => result;
    const job = await enqueue({ actor: 'ann' });
    await runUntilIdle(tidemark);
    expect(await job.result()).toEqual(result ?? undefined);
    expect(told).toEqual([
      { topic: 'job.completed', data: { name: 'report', id: job.id.slice('report:'.length), actor: 'ann', attempts: 1, result } },
    ]);
  },
);

test('an end without a result, and one that is a death, are told without what they do not have', async () => {
  handle = (month) => {
    if (month === 'bad') throw new NonRetryableError('broken');
  };
  await enqueue({});
  await enqueue({}, 'bad');
  await runUntilIdle(tidemark);
  const data = told.map(({ data }) => Object.keys(data).sort().join(' '));
  expect(data.sort()).toEqual(['attempts error id name', 'attempts id name']);
});

test('nobody is told of the ends of what Tidemark does for itself', async () => {
  for (const group of ['on-dead', 'collect-garbage']) {
    await sql(`insert into tidemark.work_group (name) values ('${group}') on conflict do nothing;
      select tidemark.add_work('job/${group}/1', 'job', '${group}'), tidemark.add_work('job/${group}/2', 'job', '${group}')`);
  }
  await sql(`update tidemark.work set state = 'claimed'; update tidemark.work set state = 'started';
    update tidemark.work set state = case when id like '%/1' then 'done' else 'dead' end, error = '{"code":"x","message":"x"}', finished_at = now()`);
  expect(await sql(`select 1 from tidemark.message where data::text ~ '"(on-dead|collect-garbage)"'`)).toEqual([]);
});

const take = () => sweep(database.db, { staleAfterMs: 60_000, pendingAfterMs: 60_000, isRunning: async () => true });
const ask = async (key: string | undefined, options: EnqueueOptions = {}) =>
  enqueue({ ...(key === undefined ? {} : { fairnessKey: key }), ...options });
const positionOf = async (job: { status(): Promise<{ position?: number }> }) => (await job.status()).position ?? Number.NaN;
async function backlogOf(key: string, jobs = 200, priority = 0): Promise<void> {
  await sql(`select count(tidemark.enqueue_job('report', '${key}-' || ${priority + 200} || '-' || n, '{"month":"1"}', ${priority}::smallint, p_fairness_key => '${key}'))
    from generate_series(1, ${jobs}) n`);
}
/** What a worker does to it: another attempt, now. */
async function failOnce(job: { id: string }): Promise<void> {
  const id = `job/${job.id.replace(':', '/')}`;
  await sql(`update tidemark.work set state = 'claimed' where id = '${id}';
    update tidemark.work set state = 'started', attempt = 1, fence = gen_random_uuid() where id = '${id}';
    select tidemark.release_work(id, epoch, 1, fence, '{"code":"x","message":"x"}') from tidemark.work where id = '${id}'`);
}

test('one that is tried again, was redriven, or whose time has come takes its turn; it does not stand behind all of another key', async () => {
  await backlogOf('ann');
  const failed = await ask('bob');
  await failOnce(failed);
  const dead = await ask('cat', { id: 'dead' });
  await sql(`update tidemark.work set state = 'claimed' where id = 'job/report/dead'; update tidemark.work set state = 'started' where id = 'job/report/dead';
    update tidemark.work set state = 'dead', error = '{"code":"x","message":"x"}', finished_at = now() where id = 'job/report/dead'`);
  expect(await dead.redrive()).toBe(true);
  const notBefore = new Date(Date.now() + 300);
  const [soon, keyless] = [await ask('dan', { notBefore }), await ask(undefined, { notBefore })];
  const later = await ask('eve', { notBefore: new Date(Date.now() + 3_600_000) });
  await until('their time', () => Date.now() > Number(notBefore) + 5);
  await take();
  for (const job of [failed, dead, soon, keyless]) expect(await positionOf(job)).toBeLessThan(8);
  expect(Number((await later.status()).notBefore)).toBeGreaterThan(Date.now() + 3_000_000);
});

test('many of one key that come back take their turn behind the waiting ones of their own, one behind the other', async () => {
  await backlogOf('ann', 100);
  const failed = [await ask('ann'), await ask('ann')];
  const of = await ask('bob');
  for (const job of failed) await failOnce(job);
  await take();
  expect(await positionOf(of)).toBeLessThan(3);
  expect(await Promise.all(failed.map(positionOf))).toEqual([101, 102]);
});

test('keys take turns within each priority: a backlog of one does not put a key behind in another', async () => {
  await backlogOf('ann', 50, 5);
  await ask('bob', { priority: 0 });
  const late = await ask('bob', { priority: 5 });
  await backlogOf('ann', 50, 5);
  expect(await positionOf(late)).toBeLessThan(4);
});

test('what has no key is first come, first served, also after another attempt', async () => {
  const [first, second] = [await ask(undefined), await ask(undefined)];
  await failOnce(first);
  const third = await ask(undefined);
  await take();
  expect(await Promise.all([second, first, third].map(positionOf))).toEqual([0, 1, 2]);
  expect(await second.runNow()).toBe(true);
  expect(await third.runNow()).toBe(true);
  await take();
  expect(await Promise.all([second, third, first].map(positionOf))).toEqual([0, 1, 2]);
});

test('enqueueing waits for nobody who enqueues of the same key and has not committed', async () => {
  await backlogOf('ann', 3);
  await tidemark.transaction(async ({ enqueue: enqueueHere }) => {
    for (const fairnessKey of ['ann', 'bob']) await enqueueHere(report, { month: '1' }, { fairnessKey });
    const elsewhere = Promise.all([ask('bob'), ask('ann'), ask(undefined)]);
    expect(await Promise.race([elsewhere.then(() => 'enqueued'), delay(5_000, 'waits')])).toBe('enqueued');
  });
});

/** Jobs that have ended, `ageMs` ago. */
async function ended(state: 'done' | 'dead', jobs: number, ageMs = 0): Promise<void> {
  await sql(`select count(tidemark.enqueue_job('report', gen_random_uuid()::text, '{"month":"1"}')) from generate_series(1, ${jobs});
    update tidemark.work set state = 'claimed' where state = 'ready' and workflow = 'job';
    update tidemark.work set state = 'started' where state = 'claimed';
    update tidemark.work set state = '${state}', error = case when '${state}' = 'dead' then json_build_object('code', 'x', 'message', 'x') end,
      finished_at = clock_timestamp() - interval '${ageMs} ms' where state = 'started'`);
}
const prune = (most = 100) => sql(`select tidemark.prune_work(${most}), tidemark.prune_jobs(${most})`);
const statesOf = async () =>
  (await sql(`select state from tidemark.work where workflow = 'job' order by 1`)).map(({ state }) => state).join(' ');

test('one that ended within a minute is there for whoever waits for it, however few are kept', async () => {
  await sql(`insert into tidemark.work_group (name, keep_finished, keep_dead) values ('report', 2, 1)
    on conflict (name) do update set keep_finished = 2, keep_dead = 1`);
  for (const state of ['done', 'dead'] as const) await ended(state, 3, 61_000);
  await prune();
  expect(await statesOf()).toBe('dead done done');
  for (const state of ['done', 'dead'] as const) await ended(state, 3);
  await prune();
  // Those of a minute ago are not among the newest any more.
  expect(await statesOf()).toBe('dead dead dead done done done');
  await sql(`update tidemark.work set finished_at = finished_at - interval '61 seconds'`);
  await prune();
  expect(await statesOf()).toBe('dead done done');
});

test('many that have just ended do not keep older ones from being pruned, a few at a time', async () => {
  await sql(`insert into tidemark.work_group (name, keep_finished, keep_dead) values ('report', 1, 1)
    on conflict (name) do update set keep_finished = 1, keep_dead = 1`);
  for (const state of ['done', 'dead'] as const) {
    await ended(state, 4, 61_000);
    await ended(state, 8);
    for (let sweep = 0; sweep < 2; sweep += 1) await prune(2);
    expect((await sql(`select count(*)::integer as jobs from tidemark.work where state = '${state}'`))[0].jobs).toBe(8);
  }
});

test('dead ones that are pruned have died all the same: throughput counts them', async () => {
  await sql(`insert into tidemark.work_group (name, keep_dead) values ('report', 1) on conflict (name) do update set keep_dead = 1;
    truncate tidemark.work_tally`);
  await ended('dead', 5, 61_000);
  await prune();
  const { buckets } = await workThroughput(database.db, { minutes: 60, group: 'report' });
  expect(buckets.reduce((dead, bucket) => dead + bucket.dead, 0)).toBe(5);
  expect(await statesOf()).toBe('dead');
});

test('a key goes when its window is over and its job has ended; not while it waits, nor within a minute', async () => {
  const kept = async () => (await sql('select key from tidemark.job_dedupe order by 1')).map(({ key }) => key).join(' ');
  const dedupe = (key: string, windowMs?: number) => ({ dedupe: { key, mode: 'ignore', ...(windowMs ? { windowMs } : {}) } }) as const;
  for (const [key, windowMs] of [['a'], ['b'], ['window', 3_600_000]] as const) await enqueue(dedupe(key, windowMs));
  handle = () => undefined;
  await sql(`update tidemark.job_dedupe set prune_after = prune_after - interval '10 minutes'`);
  await prune();
  expect(await kept()).toBe('key/a key/b key/window');
  await runUntilIdle(tidemark);
  await prune();
  expect(await kept()).toBe('key/a key/b key/window');
  // A minute later; b is moved to another job.
  await sql(`update tidemark.job_dedupe set prune_after = prune_after - interval '10 minutes'`);
  expect((await enqueue(dedupe('b'))).answer).toBe('created');
  await prune();
  expect(await kept()).toBe('key/b key/window');
});

test('of many that one actor enqueues at once as many wait as its limit says', async () => {
  const asked = await Promise.allSettled(Array.from({ length: 30 }, () => tidemark.enqueue(limited, { month: '1' }, { actor: 'ann' })));
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  for (const { reason } of asked.filter((one) => one.status === 'rejected')) expect(reason).toBeInstanceOf(QueueFullError);
});

test('whoever enqueues for an actor with a limit and does not commit holds up others for a moment only', async () => {
  const ask = (db = tidemark.enqueue) => db(limited, { month: '1' }, { actor: 'ann' });
  await tidemark.transaction(async ({ tx, enqueue: enqueueHere }) => {
    await ask(enqueueHere);
    expect(await Promise.race([ask().then(({ answer }) => answer), delay(5_000, 'waits')])).toBe('created');
    const { rows } = await tx.query('show lock_timeout');
    expect(rows).toEqual([{ lock_timeout: '0' }]);
  });
  await expect(ask()).rejects.toThrow(QueueFullError);
});

test('what is left to be run is what can begin: names that are paused, full or over their rate hide no others', async () => {
  for (const name of ['full', 'rated', 'paused', 'free']) {
    await sql(`insert into tidemark.work_group (name) values ('${name}');
      select count(tidemark.enqueue_job('${name}', '${name}-' || n, '{}')) from generate_series(1, ${name === 'free' ? 5 : 30}) n`);
    if (name !== 'free') await sql(`update tidemark.work set priority = -1 where group_name = '${name}'`);
  }
  await sql(`update tidemark.work_group set cap = 1 where name = 'full'; update tidemark.work_group set paused = true where name = 'paused';
    update tidemark.work_group set rate_units = 1, rate_per = '1 hour', rate_left = 0, rate_counted_at = now() where name = 'rated';
    update tidemark.work set state = 'claimed', lease_until = now() + interval '1 hour' where id = 'job/full/full-7'`);
  const left = async () => {
    const rows = await sql(`select count(*)::integer as jobs, split_part(id, '/', 2) as name
      from tidemark.jobs_left('{full,rated,paused,free}', '0', 20) id group by 2 order by 2`);
    return rows.map(({ name, jobs }) => `${name} ${jobs}`).join(', ');
  };
  expect(await left()).toBe('free 5');
  // Whoever had it is gone: it is what is left of its name.
  await sql(`update tidemark.work set lease_until = now() - interval '1 second' where id = 'job/full/full-7'`);
  expect(await left()).toBe('free 5, full 1');
});

test('lines of a job go with it, whoever writes some while it is removed; of many the newest thousand are kept', async () => {
  const lines = async () => (await sql('select count(*)::integer as lines, max(text) as last from tidemark.job_line'))[0];
  const job = await enqueue({ id: 'x' });
  const write = async (attempt: number, count: number) => {
    const output = createJobOutput(database.db, { id: 'job/report/x', attempt } as Unit, undefined, {});
    for (let line = 0; line < count; line += 1) output.logger.info(`line ${attempt}`);
    await output.flush();
  };
  for (const attempt of [1, 2]) await write(attempt, 700);
  expect(await lines()).toEqual({ lines: 1_000, last: 'line 2' });
  expect((await job.status()).output.filter(({ attempt }) => attempt === 2)).toHaveLength(700);
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query(`delete from tidemark.work where id = 'job/report/x'`);
  const writing = write(3, 5);
  await until(
    'it is about to be written',
    async () =>
      (
        await sql(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%job_line%'`,
        )
      ).length > 0,
  );
  await client.query('commit');
  client.release();
  await writing;
  expect(await lines()).toEqual({ lines: 0, last: null });
});
