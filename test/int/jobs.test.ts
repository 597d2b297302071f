/** What enqueueing promises, what a job's handler gets, and what a person sees of it: with its database, without Temporal. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  applySubscriptions,
  createTidemark,
  defineJob,
  defineWorker,
  type EnqueueOptions,
  InvalidInputError,
  type JobContext,
  JobFailedError,
  JobNotFoundError,
  jobTopics,
  NonRetryableError,
  QueueFullError,
} from '../../src/index.ts';
import { eachJob } from '../../src/jobs/each-job.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

type Input = { month: string; rows?: number | undefined };
let database: TestDatabase;
let handle: (input: Input, context: JobContext) => unknown = () => undefined;
const ran: { input: Input; context: JobContext }[] = [];
const input = z.object({ month: z.string(), rows: z.coerce.number().int().optional() });
const handler = (given: Input, context: JobContext) => {
  ran.push({ input: given, context });
  return handle(given, context);
};
const report = defineJob({ name: 'report', input, handler, retry: { attempts: 3, initialMs: 0 } });
const limited = defineJob({ name: 'limited', input, handler, maxWaitingPerActor: 2 });
const guarded = defineJob({ name: 'guarded', input, handler, authorize: (actor) => actor === 'ann' });
const told: { topic: string; data: unknown }[] = [];
const workers = (['job.completed', 'job.failed'] as const).map((topic) =>
  defineWorker(jobTopics, {
    topic,
    subscription: `told-${topic}`,
    handler: (message) => void told.push({ topic: message.topic, data: message.data }),
  }),
);
let tidemark: ReturnType<typeof create>;
const create = () => createTidemark({ db: database.pool, jobs: [report, limited, guarded], workers });
const enqueue = (options?: EnqueueOptions, given: Input = { month: '2026-11' }) => tidemark.enqueue(report, given, options);

beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query('create table public.effect (name text); grant all on public.effect to public');
  tidemark = create();
  await applySubscriptions(database.db, workers);
});
beforeEach(async () => {
  ran.length = 0;
  told.length = 0;
  handle = () => undefined;
  await database.ownerPool.query('truncate public.effect, tidemark.work_decision; delete from tidemark.work; truncate tidemark.job_dedupe');
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});
const effects = async () => (await database.pool.query('select name from public.effect order by name')).rows.map((row) => row.name);
const countOf = async (table: string) => Number((await database.pool.query(`select count(*) from tidemark.${table}`)).rows[0].count);

describe('enqueueing', () => {
  test('commits or rolls back with the transaction', async () => {
    const job = await tidemark.transaction(({ enqueue }) => enqueue(report, { month: '2026-11' }, { actor: 'ann' }));
    expect(job.answer).toBe('created');
    expect(await job.status()).toMatchObject({
      id: job.id,
      name: 'report',
      state: 'waiting',
      position: 0,
      actor: 'ann',
      input: { month: '2026-11' },
    });
    const lost = tidemark.transaction(async ({ enqueue }) => {
      await enqueue(report, { month: '2026-12' });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    expect(await countOf('work')).toBe(1);
  });

  test('refuses an input that is not the job’s, naming where, and the transaction goes on', async () => {
    const refusal = await tidemark.transaction(async ({ enqueue }) => {
      const refused = await enqueue(report, { month: 7 } as unknown as Input).catch((error: unknown) => error);
      await enqueue(report, { month: '2026-11' });
      return refused;
    });
    expect(refusal).toBeInstanceOf(InvalidInputError);
    expect((refusal as Error).message).toBe(
      "The input of job 'report' is refused: month: Invalid input: expected string, received number.",
    );
    expect(await countOf('work')).toBe(1);
  });

  test('the same id is one job, also when it has ended and is gone', async () => {
    const first = await enqueue({ id: 'of/november' });
    expect(first.id).toBe('report:of/november');
    expect((await enqueue({ id: 'of/november' })).answer).toBe('ignored');
    await runUntilIdle(tidemark);
    await database.ownerPool.query('delete from tidemark.work');
    expect(await enqueue({ id: 'of/november' })).toMatchObject({ answer: 'ignored', id: first.id });
    expect(ran).toHaveLength(1);
    await expect(first.status()).rejects.toThrow(JobNotFoundError);
  });

  test('a transaction that Postgres gives up for another one hears that, and not that the database does not answer', async () => {
    const lost = tidemark.transaction(async ({ tx, enqueue: enqueueHere }) => {
      await tx.query('set transaction isolation level repeatable read');
      await tx.query('select count(*) from tidemark.work');
      await enqueue({ id: 'both' });
      await enqueueHere(report, { month: '1' }, { id: 'both' });
    });
    await expect(lost).rejects.toMatchObject({ code: '40001' });
  });

  test('one that is ignored by its key is the one that waits or runs, and after that within the window', async () => {
    const dedupe = { key: 'k', mode: 'ignore' } as const;
    const first = await enqueue({ dedupe });
    expect(await enqueue({ dedupe })).toMatchObject({ answer: 'ignored', id: first.id });
    await runUntilIdle(tidemark);
    const second = await enqueue({ dedupe: { ...dedupe, windowMs: 60_000 } });
    expect(second.answer).toBe('created');
    await runUntilIdle(tidemark);
    expect(await enqueue({ dedupe })).toMatchObject({ answer: 'ignored', id: second.id });
  });

  test('one that replaces has its input taken by the one that waits; one that runs goes on, and it is new', async () => {
    const dedupe = { key: 'k', mode: 'replace' } as const;
    const first = await enqueue({ dedupe }, { month: '1' });
    expect(await enqueue({ dedupe, actor: 'bob' }, { month: '2' })).toMatchObject({ answer: 'replaced', id: first.id });
    let later: { answer?: string; id: string } | undefined;
    handle = async ({ month }) => {
      if (month === '2') later = await enqueue({ dedupe }, { month: '3' });
    };
    await runUntilIdle(tidemark);
    expect(ran.map(({ input: { month } }) => month)).toEqual(['2', '3']);
    expect(ran[0]?.context.actor).toBe('bob');
    expect(later).toMatchObject({ answer: 'created' });
    expect(later?.id).not.toBe(first.id);
  });

  test('one that is put off begins a window after the last, at most so long after the first', async () => {
    const dedupe = { key: 'k', mode: 'debounce', windowMs: 60_000, maxWaitMs: 90_000 } as const;
    const first = await enqueue({ dedupe }, { month: '1' });
    const { enqueuedAt, notBefore } = await first.status();
    const waitOf = (at: Date | undefined) => Number(at) - Number(enqueuedAt);
    expect(waitOf(notBefore)).toBeGreaterThan(55_000);
    await database.ownerPool.query(`update tidemark.job_dedupe set first_at = first_at - interval '60 seconds'`);
    expect(await enqueue({ dedupe }, { month: '2' })).toMatchObject({ answer: 'replaced', id: first.id });
    const later = await first.status();
    expect(later.input).toEqual({ month: '2' });
    expect(waitOf(later.notBefore)).toBeLessThan(35_000);
    expect(waitOf(later.notBefore)).toBeGreaterThan(20_000);
  });

  test('refuses one more where its actor has too many waiting; others may', async () => {
    const ask = (actor: string) => tidemark.enqueue(limited, { month: '1' }, { actor });
    await ask('ann');
    await ask('ann');
    await expect(ask('ann')).rejects.toThrow(QueueFullError);
    await expect(ask('ann')).rejects.toThrow("'ann' has 2 jobs 'limited' waiting, which is the limit.");
    await ask('bob');
    await runUntilIdle(tidemark);
    await ask('ann');
    expect(ran).toHaveLength(3);
  });

  test('jobs take turns by their fairness key: one of whom few wait does not wait for all of another', async () => {
    for (let index = 0; index < 30; index += 1) await enqueue({ fairnessKey: 'many' }, { month: `many-${index}` });
    const few = [];
    for (let index = 0; index < 3; index += 1) few.push(await enqueue({ fairnessKey: 'few' }, { month: `few-${index}` }));
    const positions = await Promise.all(few.map(async (job) => (await job.status()).position ?? Number.NaN));
    expect(Math.max(...positions)).toBeLessThan(8);
    const { rows } = await database.pool.query(
      `select input ->> 'month' as month from tidemark.work where group_name = 'report' and input ->> 'month' like 'many%' order by priority, not_before, id`,
    );
    expect(rows.map((row) => row.month)).toEqual(Array.from({ length: 30 }, (_, index) => `many-${index}`));
  });

  test('lower priorities go first', async () => {
    await enqueue({ id: 'b', priority: 5 });
    const urgent = await enqueue({ id: 'a', priority: -5 });
    expect(await urgent.status()).toMatchObject({ position: 0, priority: -5 });
  });

  test.each([
    [{ id: '' }, "id '' cannot be used"],
    [{ id: 'a\0' }, 'cannot be used'],
    [{ id: 'ä'.repeat(190) }, 'percent-encoded it is too long'],
    [{ priority: 101 }, 'priority 101 cannot be used: give a whole number from -100 to 100'],
    [{ notBefore: new Date('never') }, 'is no date'],
    [{ id: 'a', dedupe: { key: 'k', mode: 'ignore' } }, 'both id and dedupe'],
    [{ dedupe: { key: 'k', mode: 'debounce' } }, "dedupe mode 'debounce' needs windowMs"],
    [{ dedupe: { key: 'k', mode: 'replace', windowMs: 1 } }, "dedupe mode 'replace' has no windowMs"],
    [{ dedupe: { key: 'k', mode: 'sometimes' } }, "dedupe.mode 'sometimes' cannot be used"],
  ] as [EnqueueOptions, string][])('%j is refused', async (options, message) => {
    await expect(enqueue(options)).rejects.toThrow(message);
    expect(await countOf('work')).toBe(0);
  });
});

describe('a job that runs', () => {
  test('has its input as its schema reads it, and its result is kept', async () => {
    handle = ({ rows = 0 }) => ({ total: rows * 2 });
    const job = await enqueue({ actor: 'ann', correlationId: 'c' }, { month: '1', rows: '21' as unknown as number });
    await runUntilIdle(tidemark);
    expect(await job.result()).toEqual({ total: 42 });
    expect(ran[0]?.context).toMatchObject({ jobId: job.id, attempt: 1, actor: 'ann', correlationId: 'c' });
    expect(await job.status()).toMatchObject({ state: 'done', result: { total: 42 }, attempts: [], attempt: 1 });
  });

  test('shows its progress and its lines', async () => {
    let seen: unknown;
    handle = async (_, { progress, logger, jobId }) => {
      await progress({ fraction: 0.25, message: 'reading', counts: { read: 10 } });
      seen = await tidemark.job(jobId).progress();
      await progress({ fraction: 1, counts: { written: 3 } });
      logger.info('half way', { at: 5 });
    };
    const job = await enqueue();
    await runUntilIdle(tidemark);
    expect(seen).toEqual({ fraction: 0.25, message: 'reading', counts: { read: 10 } });
    const status = await job.status();
    expect(status.progress).toEqual({ fraction: 1, message: 'reading', counts: { read: 10, written: 3 } });
    expect(status.output).toMatchObject([{ level: 'info', text: 'half way', fields: { at: 5 }, attempt: 1 }]);
  });

  test('keeps its progress over a heartbeat, which says nothing of its own', async () => {
    const seen: unknown[] = [];
    handle = async (_, { progress, heartbeat, jobId }) => {
      await heartbeat();
      seen.push(await tidemark.job(jobId).progress());
      await progress(0.5);
      await delay(600);
      await heartbeat();
      seen.push(await tidemark.job(jobId).progress());
    };
    await enqueue();
    await runUntilIdle(tidemark);
    expect(seen).toEqual([undefined, { fraction: 0.5 }]);
  });

  test('writes once what it writes through db, publishes and enqueues with it, and none of it where it fails', async () => {
    handle = async ({ month }, { db, enqueue: enqueueNext, attempt }) => {
      await db.query('insert into public.effect values ($1)', [`${month} ${attempt}`]);
      if (month === 'first') await enqueueNext(report, { month: 'next' });
      if (attempt < 3) throw new Error('not yet');
    };
    await enqueue({}, { month: 'first' });
    await runUntilIdle(tidemark);
    expect(await effects()).toEqual(['first 3', 'next 3']);
    expect(ran).toHaveLength(6);
  });

  test('enqueues jobs of its application alone, for who asked for it where it names nobody', async () => {
    const stranger = defineJob({ name: 'stranger', input, handler });
    let refused: unknown;
    handle = async ({ month }, { enqueue: enqueueNext }) => {
      if (month !== 'first') return;
      refused = await enqueueNext(stranger, { month: '1' }).catch((error: unknown) => error);
      const nobody = { actor: undefined } as EnqueueOptions;
      await enqueueNext(report, { month: 'next' }, nobody);
    };
    await enqueue({ actor: 'ann' }, { month: 'first' });
    await runUntilIdle(tidemark);
    expect(refused).toBeInstanceOf(InvalidInputError);
    expect(String(refused)).toContain("Job 'stranger' is not one of this instance.");
    expect(ran.map(({ context }) => context.actor)).toEqual(['ann', 'ann']);
  });

  test('is tried as often as it says, then it is dead with all its errors; whoever waits is told', async () => {
    handle = (_, { attempt }) => {
      throw new Error(`broken ${attempt}`);
    };
    const job = await enqueue({ actor: 'ann' });
    await runUntilIdle(tidemark);
    const { attempts, state, error } = await job.status();
    expect(state).toBe('dead');
    expect(error?.message).toBe('broken 3');
    expect(attempts.map((failed) => [failed.attempt, failed.error.message])).toEqual([
      [1, 'broken 1'],
      [2, 'broken 2'],
      [3, 'broken 3'],
    ]);
    await expect(job.result()).rejects.toThrow(JobFailedError);
    await expect(job.result()).rejects.toMatchObject({ state: 'dead', reason: { message: 'broken 3' } });
    expect(told).toMatchObject([
      {
        topic: 'job.failed',
        data: { name: 'report', id: job.id.slice('report:'.length), actor: 'ann', attempts: 3, error: { message: 'broken 3' } },
      },
    ]);
  });

  test('is dead at once where it says so, where its actor may not, and where its input is none any more', async () => {
    handle = () => {
      throw new NonRetryableError('gone');
    };
    const gone = await enqueue();
    const bob = await tidemark.enqueue(guarded, { month: '1' }, { actor: 'bob' });
    const unread = await enqueue({ id: 'unread' });
    await database.ownerPool.query(`update tidemark.work set input = '{"month":1}' where id = 'job/report/unread'`);
    await runUntilIdle(tidemark);
    expect(await gone.status()).toMatchObject({ state: 'dead', attempt: 1, error: { message: 'gone' } });
    expect(await bob.status()).toMatchObject({ state: 'dead', attempt: 1, error: { code: 'not_authorized' } });
    expect(await unread.status()).toMatchObject({ state: 'dead', error: { code: 'invalid_input' } });
    handle = () => undefined;
    const ann = await tidemark.enqueue(guarded, { month: '1' }, { actor: 'ann' });
    await runUntilIdle(tidemark);
    expect((await ann.status()).state).toBe('done');
  });

  test('does not run a step again that has finished, nor loses what it wrote', async () => {
    const bodies: string[] = [];
    handle = async (_, { step, attempt }) => {
      const read = await step('read', async ({ db }) => {
        bodies.push(`read ${attempt}`);
        await db.query(`insert into public.effect values ('read')`);
        return { rows: 7 };
      });
      await step('write', async ({ db }) => {
        bodies.push(`write ${attempt}`);
        await db.query(`insert into public.effect values ('write')`);
        if (attempt === 1) throw new Error('crashed');
      });
      return read;
    };
    const job = await enqueue();
    await runUntilIdle(tidemark);
    expect(bodies).toEqual(['read 1', 'write 1', 'write 2']);
    expect(await effects()).toEqual(['read', 'write']);
    expect(await job.result()).toEqual({ rows: 7 });
  });

  test('tells whoever subscribes that it is completed, with its result', async () => {
    handle = () => ({ rows: 3 });
    await enqueue({ id: 'a/b' });
    await runUntilIdle(tidemark);
    expect(told).toMatchObject([{ topic: 'job.completed', data: { name: 'report', id: 'a/b', result: { rows: 3 } } }]);
  });
});

describe('a job that is cancelled', () => {
  test('never begins where it waits', async () => {
    const job = await enqueue();
    expect(await job.cancel()).toBe('waiting');
    expect(await job.cancel()).toBeUndefined();
    await runUntilIdle(tidemark);
    expect(ran).toEqual([]);
    await expect(job.result()).rejects.toMatchObject({ code: 'job_failed', state: 'cancelled' });
  });

  test('changes nothing any more where it runs', async () => {
    const job = await enqueue();
    handle = async (_, { db, step }) => {
      await db.query(`insert into public.effect values ('late')`);
      expect(await job.cancel()).toBe('running');
      await step('late', ({ db: ofStep }) => ofStep.query(`insert into public.effect values ('late step')`));
    };
    await runUntilIdle(tidemark);
    expect(await effects()).toEqual([]);
    expect((await job.status()).state).toBe('cancelled');
  });
});

describe('a decision about jobs', () => {
  test('runs a dead one again, without the steps that it has finished; who decided is kept', async () => {
    const bodies: string[] = [];
    let fails = true;
    handle = async (_, { step }) => {
      await step('read', () => void bodies.push('read'));
      if (fails) throw new NonRetryableError('not yet');
      return 'read';
    };
    const job = await enqueue();
    expect(await job.redrive()).toBe(false);
    await runUntilIdle(tidemark);
    fails = false;
    expect(await job.redrive({ actor: 'ann' })).toBe(true);
    await runUntilIdle(tidemark);
    expect(await job.result()).toBe('read');
    expect(bodies).toEqual(['read']);
    expect((await database.pool.query('select decision, actor from tidemark.work_decision')).rows).toEqual([
      { decision: 'redrive', actor: 'ann' },
    ]);
  });

  test('lets one that waits for later go first', async () => {
    const later = await enqueue({ notBefore: new Date(Date.now() + 3_600_000) });
    const urgent = await enqueue({ priority: -100 });
    const next = await enqueue();
    expect(await later.runNow()).toBe(true);
    const positions = await Promise.all([urgent, later, next].map(async (job) => (await job.status()).position));
    expect(positions).toEqual([0, 1, 2]);
    await runUntilIdle(tidemark);
    expect(await later.runNow()).toBe(false);
  });

  test('is of those alone that are asked for, by name, actor, state and id', async () => {
    const later = { notBefore: new Date(Date.now() + 3_600_000) };
    const [first] = [await enqueue({ ...later, actor: 'ann' }), await enqueue({ ...later, actor: 'ann' })];
    await enqueue({ ...later, actor: 'bob' });
    await tidemark.enqueue(limited, { month: '1' }, { ...later, actor: 'ann' });
    expect(await tidemark.cancelJobs({ actor: 'ann', state: 'running' })).toBe(0);
    expect(await tidemark.runJobsNow({ ids: [first.id, 'report:nobody'] })).toBe(1);
    expect(await tidemark.cancelJobs({ name: 'report', actor: 'ann' })).toBe(2);
    handle = () => {
      throw new NonRetryableError('dead');
    };
    expect(await tidemark.runJobsNow({})).toBe(2);
    await runUntilIdle(tidemark);
    handle = () => undefined;
    expect(await tidemark.redriveJobs({ name: 'limited' })).toBe(1);
    await runUntilIdle(tidemark);
    const { jobs } = await tidemark.listJobs();
    expect(jobs.map(({ name, actor, state }) => `${name} ${actor} ${state}`).sort()).toEqual([
      'limited ann done',
      'report ann cancelled',
      'report ann cancelled',
      'report bob dead',
    ]);
  });

  test('of many misses none that moves from one of its states to another meanwhile', async () => {
    const [first, second] = [await enqueue(), await enqueue()];
    const setState = (id: string, state: string) =>
      database.ownerPool.query(`update tidemark.work set state = $2 where id = 'job/report/' || split_part($1, ':', 2)`, [id, state]);
    await setState(first.id, 'claimed');
    const decided: string[] = [];
    await eachJob(database.db, {}, ['waiting', 'running'], async (id) => {
      decided.push(id);
      await setState(first.id, 'ready');
      await setState(second.id, 'claimed');
      return true;
    });
    expect(decided.sort()).toEqual([first.id, second.id].sort());
  });

  test('of many is not one about what Tidemark does for itself', async () => {
    await database.ownerPool.query(`insert into tidemark.work_group (name) values ('on-dead') on conflict do nothing;
      select tidemark.add_work('job/on-dead/1', 'job', 'on-dead')`);
    expect(await tidemark.cancelJobs({})).toBe(0);
    expect((await tidemark.listJobs()).jobs).toEqual([]);
  });
});

describe('looking at jobs', () => {
  test('has their end at once, without their poll', async () => {
    const job = await enqueue();
    const other = create();
    const result = other.job(job.id).result({ pollMs: 60_000 });
    await until('listening', async () => {
      const { rows } = await database.ownerPool.query(
        "select 1 from pg_stat_activity where application_name = 'tidemark listen' and datname = $1 and query like 'listen%'",
        [database.name],
      );
      return rows.length > 0;
    });
    await job.cancel();
    await expect(result).rejects.toMatchObject({ state: 'cancelled' });
    await other.close();
  });

  test('lists them newest first, by state, name and actor, a page at a time', async () => {
    const ids = [];
    for (let index = 0; index < 5; index += 1) ids.unshift((await enqueue({ id: `n${index}`, actor: index % 2 ? 'ann' : 'bob' })).id);
    const first = await tidemark.listJobs({ limit: 2 });
    expect(first.jobs.map((job) => job.id)).toEqual(ids.slice(0, 2));
    const rest = await tidemark.listJobs({ limit: 100, before: first.next as string });
    expect(rest.jobs.map((job) => job.id)).toEqual(ids.slice(2));
    expect(rest.next).toBeUndefined();
    expect((await tidemark.listJobs({ actor: 'ann' })).jobs).toHaveLength(2);
    expect((await tidemark.listJobs({ name: 'guarded' })).jobs).toEqual([]);
    expect((await tidemark.listJobs({ state: 'done' })).jobs).toEqual([]);
  });

  test('follows one to its end', async () => {
    handle = async (_, { progress }) => progress(0.5);
    const job = await enqueue();
    const states: string[] = [];
    const following = (async () => {
      for await (const { state } of job.follow({ pollMs: 5 })) states.push(state);
    })();
    await until('it has been looked at where it waits', () => states.length > 0);
    await runUntilIdle(tidemark);
    await following;
    expect(states.at(0)).toBe('waiting');
    expect(states.at(-1)).toBe('done');
  });

  test('keeps as many that have ended as is said, and nothing of the others', async () => {
    await database.ownerPool.query(`insert into tidemark.work_group (name, keep_finished, keep_dead) values ('report', 2, 1)
      on conflict (name) do update set keep_finished = 2, keep_dead = 1`);
    handle = async ({ month }, { step, logger }) => {
      await step('one', () => 1);
      logger.info('line');
      if (month === 'bad') throw new NonRetryableError('bad');
    };
    for (let index = 0; index < 4; index += 1) {
      await enqueue();
      await enqueue({}, { month: 'bad' });
    }
    await runUntilIdle(tidemark);
    // Whoever waits for one has a minute to see its end.
    await database.ownerPool.query(`update tidemark.work set finished_at = finished_at - interval '61 seconds'`);
    await database.ownerPool.query('select tidemark.prune_work(100), tidemark.prune_jobs(100)');
    const { jobs } = await tidemark.listJobs({ name: 'report' });
    expect(jobs.map((job) => job.state).sort()).toEqual(['dead', 'done', 'done']);
    expect(await countOf('job_step')).toBe(3);
    expect(await countOf('job_line')).toBe(3);
    expect(await countOf('job_attempt')).toBe(1);
    await expect(tidemark.job(`report:${randomUUID()}`).status()).rejects.toThrow(JobNotFoundError);
  });
});

test.each([
  [{ name: 'Report' }, "'Report' is not the name of a job"],
  [{ name: 'run-now' }, "'run-now' cannot be the name of a job: it is what is decided about jobs"],
  [{ name: 'cancel' }, "'cancel' cannot be the name of a job"],
  [{ retry: { attempts: 0 } }, "retry.attempts of job 'report' is 0: use a whole number from 1 to 1000"],
  [{ retry: { initialMs: -1 } }, "retry.initialMs of job 'report' is -1"],
  [{ keep: { failed: -1 } }, "keep.failed of job 'report' is -1"],
  [{ handler: undefined }, "handler of job 'report' is no function"],
  [{ input: {} }, "input of job 'report' is no zod schema"],
])('a definition with %j is refused', (change, message) => {
  expect(() => defineJob({ ...report, ...change } as unknown as typeof report)).toThrow(message);
});

test('a job has a name of its own', () => {
  expect(() => createTidemark({ db: database.pool, jobs: [report, { ...report }] })).toThrow("The job 'report' is defined twice");
  expect(() => createTidemark({ db: database.pool, jobs: [defineJob({ ...report, name: 'sheet' })] })).toThrow(
    "'sheet' is a job and a log type",
  );
  expect(() => createTidemark({ db: database.pool, jobs: [defineJob({ ...report, name: 'on-dead' })] })).toThrow("Tidemark's own");
});
