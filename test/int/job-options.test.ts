/** Options of jobs that are about when they run, and for how long: on a database, without Temporal. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createTidemark, defineJob, type JobContext, type JobDefinition } from '../../src/index.ts';
import { registerJobs } from '../../src/jobs/register-jobs.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { claimWork } from '../../src/work/claim.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(() => database.ownerPool.query('delete from tidemark.work; delete from tidemark.work_group'));
afterAll(() => database?.drop());

type Options = Omit<Partial<JobDefinition<object, unknown>>, 'handler'>;
async function createJob(name: string, options: Options, handler: (input: object, context: JobContext) => unknown = () => undefined) {
  const job = defineJob({ name, input: z.object({}), handler, ...options });
  await registerJobs(database.db, [job]);
  const tidemark = createTidemark({ db: database.pool, jobs: [job] });
  return { tidemark, enqueue: (given = {}) => tidemark.enqueue(job, {}, given) };
}

/** As a starter would. @returns how many units it got */
async function claim(): Promise<number> {
  const room = { maxInFlight: 100, maxOnTheirWay: 100, maxBursts: 4 };
  const { units } = await claimWork(database.db, { ...room, leaseMs: 60_000, burstSize: 0, burstWidth: 1, burstThreshold: 0 });
  return units;
}

test('that returns what its output is not has failed', async () => {
  const { tidemark, enqueue } = await createJob('typed', { output: z.object({ rows: z.int() }), retry: { attempts: 1 } }, () => ({
    rows: 'many',
  }));
  const job = await enqueue();
  await runUntilIdle(tidemark);
  const { state, error } = await job.status();
  expect(state).toBe('dead');
  expect(error?.message).toMatch(/^Job 'typed' returned what its output is not: rows: /);
});

test('that gives no sign of life until its deadline has failed; one that does goes on', async () => {
  const alive: boolean[] = [];
  const { tidemark, enqueue } = await createJob('slow', { deadlineMs: 150, retry: { attempts: 2, initialMs: 0 } }, async (_, context) => {
    const { attempt, heartbeat, signal } = context;
    if (attempt === 1) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const until = performance.now() + 400;
    while (performance.now() < until) {
      await heartbeat();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    alive.push(!signal.aborted);
  });
  const job = await enqueue();
  await runUntilIdle(tidemark);
  expect(alive).toEqual([true]);
  const { state, attempts } = await job.status();
  expect([state, attempts.map(({ attempt }) => attempt)]).toEqual(['done', [1]]);
});

test('concurrency: no more are claimed at once, over all processes', async () => {
  const { enqueue } = await createJob('few', { concurrency: 2 });
  for (let index = 0; index < 5; index += 1) await enqueue();
  expect(await claim()).toBe(2);
  expect(await claim()).toBe(0);
});

test('rateLimit: no more begin in its time, over all processes', async () => {
  const { enqueue } = await createJob('rated', { rateLimit: { jobs: 3, perMs: 3_600_000 } });
  for (let index = 0; index < 5; index += 1) await enqueue();
  expect(await claim()).toBe(3);
  expect(await claim()).toBe(0);
});

test('notBefore: does not begin before it', async () => {
  const { enqueue } = await createJob('later', {});
  const job = await enqueue({ notBefore: new Date(Date.now() + 3_600_000) });
  await enqueue({ notBefore: new Date(Date.now() - 1) });
  expect(await claim()).toBe(1);
  expect((await job.status()).state).toBe('waiting');
});

test.each([
  ['its deadline', async () => {}],
  ['the end of its attempt', () => Promise.reject(new Error('another step failed'))],
])('a step that hears nothing of %s keeps neither its connection nor its locks', async (_, other) => {
  await database.ownerPool.query(`drop table if exists public.account; create table public.account (id integer);
    insert into public.account values (1); grant all on public.account to public`);
  const { tidemark, enqueue } = await createJob('pay', { deadlineMs: 200, retry: { attempts: 1 } }, async (_, { step }) => {
    let locked = () => {};
    const locks = new Promise<void>((resolve) => {
      locked = resolve;
    });
    const hangs = step('pay', async ({ db }) => {
      await db.query('update public.account set id = 2');
      locked();
      await new Promise(() => {});
    });
    await Promise.all([hangs, step('other', () => locks.then(other))]);
  });
  const job = await enqueue();
  await runUntilIdle(tidemark);
  expect((await job.status()).state).toBe('dead');
  const lock = () => database.pool.query('select from public.account where id = 1 for update nowait');
  expect((await until('its row is free', () => lock().catch(() => undefined), 2_000)).rowCount).toBe(1);
  await until('its connection is free', () => database.pool.idleCount === database.pool.totalCount, 2_000);
});

test('a step goes on where what had finished could be read only the second time', async () => {
  const { tidemark, enqueue } = await createJob('shaken', { retry: { attempts: 1 } }, async (_, { step }) => {
    await database.ownerPool.query('alter table tidemark.job_step rename to away');
    await step('one', () => 1).catch(() => {});
    await database.ownerPool.query('alter table tidemark.away rename to job_step');
    return step('one', () => 1);
  });
  const job = await enqueue();
  await runUntilIdle(tidemark);
  expect(await job.result()).toBe(1);
});
