/** What a schedule fires, when, and what a person can do about it: over a real Temporal server, whose tiny workflow is carried out by hand here. */
import type { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { scheduleActivities } from '../../src/activities/scheduled.ts';
import {
  type AnySchedule,
  createTidemark,
  defineJob,
  defineSchedule,
  InvalidInputError,
  type JobContext,
  QueueFullError,
} from '../../src/index.ts';
import { type FireOptions, fireSchedule, firingAt } from '../../src/schedules/fire-schedule.ts';
import { scheduleAction } from '../../src/schedules/schedule-action.ts';
import type { Schedules } from '../../src/schedules/schedules.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { appSchedules } from '../../src/temporal/keep-schedules.ts';
import { type ReconcileOptions, reconcileSchedules } from '../../src/temporal/reconcile-schedules.ts';
import { scheduleIdOf } from '../../src/temporal/schedule-settings.ts';
import { createSchedules } from '../../src/temporal/schedules.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { installationId } from '../../src/work/register.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporalAddress } from '../support/servers.ts';

const ran: { input: unknown; context: JobContext }[] = [];
const input = z.object({ list: z.string().optional() });
const send = defineJob({
  name: 'send',
  input,
  handler: (given, context) => void ran.push({ input: given, context }),
  retry: { attempts: 1 },
  keep: { completed: 100 },
});
const one = defineJob({ name: 'one-each', input, handler: () => undefined, maxWaitingPerActor: 1 });
const minutely = (overlap: AnySchedule['overlap'], more: Partial<AnySchedule> = {}) =>
  defineSchedule({ name: 'news', everyMs: 60_000, job: send, ...(overlap ? { overlap } : {}), ...more });

let database: TestDatabase;
let client: Client;
let schedules: Schedules;
let tidemark: ReturnType<typeof createTidemark>;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await connectClient({ address: temporalAddress(), namespace: 'default' });
  schedules = createSchedules({ client: async () => client, pool: database.pool, schema: 'tidemark' });
  tidemark = createTidemark({ db: database.pool, jobs: [send, one] });
});
beforeEach(async () => {
  ran.length = 0;
  await database.ownerPool.query('delete from tidemark.work; delete from tidemark.schedule_firing; truncate tidemark.job_dedupe');
});
afterAll(async () => {
  await apply([], { isGone: () => true });
  await tidemark?.close();
  await (client?.connection as Connection | undefined)?.close();
  await database?.drop();
});

const apply = (wanted: AnySchedule[], more: Partial<ReconcileOptions> = {}) =>
  reconcileSchedules({
    client,
    ...{ pool: database.pool, schema: 'tidemark' },
    ...appSchedules(new Map(wanted.map((each) => [each.name, each]))),
    ...more,
  });
const handleOf = async (name: string) => client.schedule.getHandle(scheduleIdOf(await installationId(database.db), name));
const fire = (schedule: AnySchedule, dueAt: string, more: Partial<FireOptions> = {}) =>
  fireSchedule(database.db, scheduleAction(schedule), { firing: dueAt, dueAt: new Date(dueAt), ...more });
const [T1, T2, T3] = ['2024-11-20T10:00:00Z', '2024-11-20T10:01:00Z', '2024-11-20T10:02:00Z'] as const;

describe('a firing', () => {
  beforeAll(async () => void (await apply([minutely('skip')])));

  test('adds one job however often it is carried out, with its input, for its actor, caused by the schedule', async () => {
    const schedule = minutely('allow', { input: { list: 'all' }, actor: 'clock' });
    const answers = await Promise.all([1, 2, 3].map(() => fire(schedule, T1)));
    expect(answers.map(({ answer }) => answer).sort()).toEqual(['created', 'exists', 'exists']);
    expect(new Set(answers.map(({ jobId }) => jobId))).toEqual(new Set([`send:news/${T1}`]));
    await runUntilIdle(tidemark);
    expect(await fire(schedule, T1)).toMatchObject({ answer: 'exists' });
    expect(ran).toHaveLength(1);
    expect(ran[0]).toMatchObject({ input: { list: 'all' }, context: { actor: 'clock', causationId: 'schedule/news' } });
  });

  test("'skip': adds none while an earlier job waits, or runs, and one when it has ended, however it has", async () => {
    expect(await fire(minutely('skip'), T1)).toMatchObject({ answer: 'created' });
    expect(await fire(minutely('skip'), T2)).toEqual({ answer: 'skipped', jobId: `send:news/${T1}` });
    await database.ownerPool.query(`update tidemark.work set state = 'claimed'`);
    await database.ownerPool.query(`update tidemark.work set state = 'started'`);
    expect(await fire(minutely('skip'), T3)).toEqual({ answer: 'skipped', jobId: `send:news/${T1}` });
    await database.ownerPool.query(`update tidemark.work set state = 'dead', error = '{"code":"x","message":"x"}'`);
    // What was decided of a time stays so.
    expect(await fire(minutely('skip'), T2)).toMatchObject({ answer: 'skipped' });
    expect(await fire(minutely('skip'), '2024-11-20T10:03:00Z')).toMatchObject({ answer: 'created' });
  });

  test("'skip': of several at once one adds a job", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, minute) => fire(minutely('skip'), `2024-11-20T11:0${minute}:00Z`)));
    expect(answers.filter(({ answer }) => answer === 'created')).toHaveLength(1);
    expect(answers.filter(({ answer }) => answer === 'skipped')).toHaveLength(7);
  });

  test("'buffer': its job waits for the earlier one, also where that is cancelled; 'allow': it does not", async () => {
    for (const due of [T1, T2, T3]) await fire(minutely('buffer'), due);
    const states = async () => (await database.pool.query('select state from tidemark.work order by id')).rows.map(({ state }) => state);
    expect(await states()).toEqual(['ready', 'waiting', 'waiting']);
    await tidemark.job(`send:news/${T1}`).cancel();
    expect(await states()).toEqual(['cancelled', 'ready', 'waiting']);
    await fire(minutely('allow'), '2024-11-20T10:03:00Z');
    expect(await states()).toEqual(['cancelled', 'ready', 'waiting', 'ready']);
    await runUntilIdle(tidemark);
    expect(await states()).toEqual(['cancelled', 'done', 'done', 'done']);
  });

  test('that comes too late is missed, and no schedule that is gone fires', async () => {
    const { fireSchedule: carryOut } = scheduleActivities({ pool: database.pool, schema: 'tidemark' });
    const late = (ms: number) => firingAt(new Date(Date.now() - ms));
    const action = scheduleAction(minutely('allow', { catchUpMs: 60_000 }));
    expect(await carryOut(action, late(90_000))).toBe('missed');
    expect(await carryOut(action, late(50_000))).toBe('created');
    expect(await carryOut({ ...action, schedule: 'gone' }, late(0))).toBe('removed');
  });

  test('is spread by the jitter, by the same amount each time it is tried', async () => {
    const due = '2030-01-01T00:00:00Z';
    await fire(minutely('allow', { jitterMs: 60_000 }), due);
    await fire(minutely('allow', { jitterMs: 60_000 }), '2030-01-01T00:01:00Z');
    const { rows } = await database.pool.query('select not_before from tidemark.work order by id');
    const [first, second] = rows.map(({ not_before: at }, minute) => at.getTime() - Date.parse(due) - minute * 60_000);
    for (const delay of [first, second]) {
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThan(60_000);
    }
    expect(first).not.toBe(second);
  });

  test('waits for room where its actor has too many waiting, and is none before that', async () => {
    const schedule = minutely('allow', { job: one, actor: 'ann' });
    await fire(schedule, T1);
    expect(await fire(schedule, T2)).toMatchObject({ answer: 'full' });
    await runUntilIdle(tidemark);
    expect(await fire(schedule, T2)).toMatchObject({ answer: 'created' });
  });
});

describe('a job that is there already under the id of a firing', () => {
  beforeAll(async () => void (await apply([minutely('skip')])));

  test('is its job, whether it waits or has ended: it is not run again', async () => {
    const id = encodeURIComponent(`news/${T1}`);
    await database.ownerPool.query(`select tidemark.add_job('send', $1, '{}')`, [id]);
    expect(await fire(minutely('skip'), T1)).toEqual({ answer: 'exists', jobId: `send:news/${T1}` });
    await runUntilIdle(tidemark);
    await database.ownerPool.query('delete from tidemark.schedule_firing');
    expect(await fire(minutely('skip'), T1)).toEqual({ answer: 'exists', jobId: `send:news/${T1}` });
    await runUntilIdle(tidemark);
    expect(ran).toHaveLength(1);
    expect((await schedules.read('news')).firings).toMatchObject([{ answer: 'created', jobId: `send:news/${T1}`, state: 'done' }]);
  });

  test.each([`news/${T1}`, `other/${T1}`, 'news/triggered/again'])('nobody enqueues a job under the id of a firing: %s', async (id) => {
    await expect(tidemark.transaction(({ enqueue }) => enqueue(send, {}, { id }))).rejects.toThrow(
      `The id '${id}' cannot be used: ids of that form are those of schedules' jobs`,
    );
    const inSql = database.pool.query(`select tidemark.enqueue_job('send', $1)`, [encodeURIComponent(id)]);
    await expect(inSql).rejects.toThrow("ids of that form are those of schedules' jobs");
    const similar = [`news/${T1}/again`, 'news/2024-11-20', `News/${T1}`];
    for (const other of similar) await tidemark.transaction(({ enqueue }) => enqueue(send, {}, { id: other }));
  });
});

describe('the schedules of an app', () => {
  const cron = (text: string, timezone = 'Europe/Berlin') => defineSchedule({ name: 'daily', cron: text, timezone, job: send });

  test('are made, changed and removed; what is as it should be is left alone, and others’ are', async () => {
    await apply([], { isGone: () => true });
    const ours = minutely('skip');
    const plan = await apply([ours, cron('0 10 * * *')], { dryRun: true });
    expect(plan.map(({ schedule, change }) => [schedule, change])).toEqual([
      ['daily', 'create'],
      ['news', 'create'],
    ]);
    expect(await schedules.list()).toEqual([]);
    await apply([ours, cron('0 10 * * *')]);
    const second = await apply([ours, cron('0 11 * * *')]);
    expect(second).toEqual([
      { schedule: 'daily', change: 'update', differences: { cron: { is: '0 10 * * *', wanted: '0 11 * * *' } } },
      { schedule: 'news', change: 'none', differences: {} },
    ]);
    expect((await apply([ours], { isGone: () => false })).map(({ change }) => change)).toEqual(['unknown', 'none']);
    expect((await apply([ours])).map(({ change }) => change)).toEqual(['remove', 'none']);
    await expect((await handleOf('daily')).describe()).rejects.toThrow('not found');
    expect((await schedules.list()).map(({ name }) => name)).toEqual(['news']);
  });

  test('are found out where somebody has changed them in Temporal itself, or Temporal has lost them', async () => {
    await apply([minutely('skip')]);
    const handle = await handleOf('news');
    await handle.update((previous) => ({ ...previous, spec: { intervals: [{ every: 5_000 }] } }));
    expect(await apply([minutely('skip')])).toMatchObject([
      { change: 'update', differences: { temporalIntervals: { is: [{ every: 5_000 }], wanted: [{ every: 60_000 }] } } },
    ]);
    await handle.delete();
    expect(await schedules.list()).toMatchObject([{ name: 'news', next: [] }]);
    expect(await apply([minutely('skip')])).toMatchObject([{ change: 'create' }]);
  });

  test('stay paused, whoever applies them, until a person resumes them', async () => {
    await apply([minutely('skip')]);
    await schedules.pause('news', 'while the mail server moves');
    await apply([minutely('buffer')]);
    expect(await schedules.read('news')).toMatchObject({
      paused: true,
      note: 'while the mail server moves',
      next: [],
      action: { overlap: 'buffer' },
    });
    await schedules.resume('news');
    const { paused, next } = await schedules.read('news');
    expect(paused).toBe(false);
    expect(next).toHaveLength(10);
  });

  test('that are not there are named', async () => {
    const calls = [schedules.read, (name: string) => schedules.next(name, 1), schedules.pause, schedules.resume, schedules.trigger];
    for (const call of calls) {
      await expect(call('nowhere')).rejects.toThrow("There is no schedule 'nowhere' in Temporal");
    }
  });
});

describe('times, as the server lists them,', () => {
  const inBerlin = new Intl.DateTimeFormat('sv', { timeZone: 'Europe/Berlin', dateStyle: 'short', timeStyle: 'short' });
  const timesOf = async (cron: string, after: string, before: string) => {
    await apply([defineSchedule({ name: 'daily', cron, timezone: 'Europe/Berlin', job: send })]);
    return (await schedules.next('daily', 1_000, new Date(after)))
      .filter((time) => time < new Date(before))
      .map((time) => inBerlin.format(time));
  };

  test('are 10:00 in their zone on each day of a year with both changes of its clocks', async () => {
    const times = await timesOf('0 10 * * *', '2026-10-01T00:00:00+02:00', '2027-10-01T00:00:00+02:00');
    const days = Array.from({ length: 365 }, (_, day) => new Date(Date.UTC(2026, 9, 1 + day)).toISOString().slice(0, 10));
    expect(times).toEqual(days.map((day) => `${day} 10:00`));
  });

  test('leave out a time that does not exist, and have one that exists twice once', async () => {
    expect(await timesOf('30 2 * * *', '2027-03-27T00:00:00Z', '2027-03-30T00:00:00Z')).toEqual(['2027-03-27 02:30', '2027-03-29 02:30']);
    expect(await schedules.next('daily', 3, new Date('2026-10-24T12:00:00Z'))).toEqual(
      ['2026-10-25T01:30:00Z', '2026-10-26T01:30:00Z', '2026-10-27T01:30:00Z'].map((time) => new Date(time)),
    );
  });

  test('are found however far away they are', async () => {
    expect(await timesOf('0 0 29 2 mon', '2026-01-01T00:00:00Z', '2067-01-01T00:00:00Z')).toEqual(['2044-02-29 00:00']);
  });

  test('match both where a day of the month and a weekday are given', async () => {
    expect(await timesOf('0 0 13 * fri', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z')).toEqual(
      ['02-13', '03-13', '11-13'].map((day) => `2026-${day} 00:00`),
    );
  });
});

describe('a person', () => {
  beforeAll(async () => void (await apply([minutely('skip')])));

  test('triggers it now: a job of an id of its own, without the jitter; it obeys the overlap unless told otherwise', async () => {
    await apply([minutely('skip', { jitterMs: 3_600_000 })]);
    const { answer, jobId } = await schedules.trigger('news', { actor: 'ann' });
    expect(answer).toBe('created');
    expect(jobId).toMatch(/^send:news\/triggered\/[0-9a-f-]{36}$/);
    expect(await schedules.trigger('news')).toEqual({ answer: 'skipped', jobId });
    expect(await schedules.trigger('news', { overlap: 'allow' })).toMatchObject({ answer: 'created' });
    await runUntilIdle(tidemark);
    expect(ran.map(({ context }) => context.actor).sort()).toEqual(['ann', undefined]);
    expect((await schedules.read('news')).firings).toMatchObject([{ state: 'done' }, { answer: 'skipped' }, { answer: 'created', jobId }]);
    await apply([minutely('skip')]);
  });

  test('backfills: each time that has no job gets one, in order, and again nothing', async () => {
    await fire(minutely('skip'), T1);
    await fire(minutely('skip'), T2);
    const range = { from: new Date(T1), to: new Date('2024-11-20T10:03:30Z') };
    const value = await schedules.backfill('news', range);
    const ids = [T2, T3, '2024-11-20T10:03:00Z'].map((due) => `send:news/${due}`);
    expect(value).toEqual({ times: 4, created: 3, existed: 1, skipped: 0, jobIds: ids });
    await runUntilIdle(tidemark);
    expect(ran.map(({ context }) => context.jobId).slice(-3)).toEqual(ids);
    expect(await schedules.backfill('news', range)).toEqual({ times: 4, created: 0, existed: 4, skipped: 0, jobIds: [] });
  });

  test('is refused a backfill of times of which nothing is kept; before and after those it fills in', async () => {
    await fire(minutely('allow'), '2024-11-20T10:10:00Z');
    await fire(minutely('allow'), '2024-11-20T10:12:00Z');
    await database.ownerPool.query(`update tidemark.schedule_firing set fired_at = clock_timestamp() - interval '8 days'`);
    await database.ownerPool.query(
      `insert into tidemark.schedule_firing (schedule, firing, due_at, answer)
       select 'news', n::text, timestamptz '2024-11-20T10:12:00Z' + n * interval '1 minute', 'missed' from generate_series(1, 1000) n`,
    );
    await database.ownerPool.query('select tidemark.prune_jobs(100)');
    const fill = (from: string, to: string) => schedules.backfill('news', { from: new Date(from), to: new Date(to) });
    await expect(fill('2024-11-20T10:08:00Z', '2024-11-20T10:10:00Z')).rejects.toThrow(
      "Schedule 'news' had jobs up to 2024-11-20T10:12:00Z of which nothing is kept any more, so whether 2024-11-20T10:10:00Z had its job is not known.",
    );
    await expect(fill('2024-11-20T10:11:00Z', '2024-11-20T10:11:00Z')).rejects.toThrow(InvalidInputError);
    expect((await database.pool.query(`select from tidemark.work where id like '%10%3A08%'`)).rows).toHaveLength(0);
    expect(await fill('2024-11-20T10:08:00Z', '2024-11-20T10:09:00Z')).toMatchObject({ created: 2 });
    expect(await fill('2024-11-20T10:13:00Z', '2024-11-20T10:13:00Z')).toMatchObject({ times: 1, created: 1 });
  });

  test('backfills from the moment that is given, and not from the second it is in', async () => {
    const range = { from: new Date('2024-11-20T10:00:00.500Z'), to: new Date('2024-11-20T10:01:00.500Z') };
    expect((await schedules.backfill('news', range)).jobIds).toEqual([`send:news/${T2}`]);
  });

  test('is refused a backfill of what is to come, of too much, or the wrong way round: nothing has happened', async () => {
    const [from, to] = [new Date(T1), new Date(T2)];
    await expect(schedules.backfill('news', { from: to, to: from })).rejects.toThrow('a time to that is not before it');
    await expect(schedules.backfill('news', { from, to: new Date(Date.now() + 60_000) })).rejects.toThrow('is to come');
    const wide = schedules.backfill('news', { from: new Date('2024-11-10T00:00:00Z'), to });
    await expect(wide).rejects.toThrow(InvalidInputError);
    await expect(wide).rejects.toThrow("Schedule 'news' has 1000 times or more between");
    await apply([minutely('allow', { job: one, actor: 'ann' })]);
    await expect(schedules.backfill('news', { from, to })).rejects.toThrow(QueueFullError);
    expect((await database.pool.query('select from tidemark.work')).rows).toHaveLength(0);
    await apply([minutely('skip')]);
  });

  test('hears at once that Temporal does not answer', async () => {
    const closed = await connectClient({ address: temporalAddress(), namespace: 'default' });
    await (closed.connection as Connection).close();
    const gone = createSchedules({ client: async () => closed, pool: database.pool, schema: 'tidemark' });
    for (const call of [gone.list, () => gone.trigger('news'), () => gone.pause('news')]) {
      await expect(call()).rejects.toThrow('Temporal does not answer about schedules');
    }
    expect((await database.pool.query('select from tidemark.work')).rows).toHaveLength(0);
  });
});

test('what has fired is kept: the newest 1,000, and what is younger than 7 days', async () => {
  await apply([minutely('allow')]);
  const { ownerPool } = database;
  await ownerPool.query(
    `insert into tidemark.schedule_firing (schedule, firing, due_at, answer, fired_at)
     select 'news', n::text, timestamptz '2026-01-01' + n * interval '1 minute', 'missed', clock_timestamp() - case when n > 3 then interval '8 days' else interval '6 days' end
     from generate_series(1, 1010) n`,
  );
  await ownerPool.query('select tidemark.prune_jobs(100)');
  const { rows } = await ownerPool.query('select firing::integer as n from tidemark.schedule_firing order by due_at');
  expect(rows.map(({ n }) => n)).toEqual([1, 2, 3, ...Array.from({ length: 1_000 }, (_, index) => index + 11)]);
});
