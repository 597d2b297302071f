/** What becomes of schedules in Temporal where several apply them, somebody changes them there, or Temporal refuses one. */
import { Client, type Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { type AnySchedule, createTidemark, defineJob } from '../../src/index.ts';
import { fireSchedule } from '../../src/schedules/fire-schedule.ts';
import { scheduleAction } from '../../src/schedules/schedule-action.ts';
import type { Schedules } from '../../src/schedules/schedules.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { appSchedules, keepSchedules } from '../../src/temporal/keep-schedules.ts';
import { type ReconcileOptions, reconcileSchedules } from '../../src/temporal/reconcile-schedules.ts';
import { scheduleIdOf, scheduleSettings } from '../../src/temporal/schedule-settings.ts';
import { createSchedules } from '../../src/temporal/schedules.ts';
import { taskQueueOf } from '../../src/temporal/task-queue.ts';
import { installationId } from '../../src/work/register.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporalAddress } from '../support/servers.ts';
import { until } from '../support/until.ts';

const send = defineJob({ name: 'send', input: z.object({}), handler: () => undefined });
// Not by defineSchedule, which refuses what Temporal would refuse.
const daily = (cron = '0 10 * * *', more: Partial<AnySchedule> = {}): AnySchedule => ({ name: 'daily', cron, job: send, ...more });

let database: TestDatabase;
let client: Client;
let schedules: Schedules;
let scheduleId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await connectClient({ address: temporalAddress(), namespace: 'default' });
  schedules = createSchedules({ client: async () => client, pool: database.pool, schema: 'tidemark' });
  createTidemark({ db: database.pool, jobs: [send] });
  scheduleId = scheduleIdOf(await installationId(database.db), 'daily');
});
beforeEach(async () => {
  await apply([]);
  await database.ownerPool.query('truncate tidemark.schedule cascade; delete from tidemark.work');
});
afterAll(async () => {
  await apply([]);
  await (client?.connection as Connection | undefined)?.close();
  await database?.drop();
});

function optionsOf(wanted: AnySchedule[], by = client): ReconcileOptions {
  const named = new Map(wanted.map((each) => [each.name, each]));
  return { client: by, ...{ db: database.db, pool: database.pool, schema: 'tidemark' }, ...appSchedules(named) };
}
const apply = (wanted: AnySchedule[], by = client) => reconcileSchedules(optionsOf(wanted, by));
const inTemporal = () =>
  client.schedule
    .getHandle(scheduleId)
    .describe()
    .catch(() => undefined);
const listed = async () => (await schedules.list()).map(({ name }) => name);

/** A client before whose call of that name something else happens, once. */
function clientWhere(call: 'createSchedule' | 'updateSchedule' | 'deleteSchedule', happens: () => Promise<unknown>, after = false): Client {
  const { workflowService } = client;
  let happened = false;
  const changed = async (request: object) => {
    const once = !happened;
    happened = true;
    if (once && !after) await happens();
    const answer = await (workflowService[call] as (request: object) => Promise<unknown>).call(workflowService, request);
    if (once && after) await happens();
    return answer;
  };
  const service = Object.create(workflowService, { [call]: { value: changed } });
  return new Client({ connection: Object.create(client.connection, { workflowService: { value: service } }) });
}

test('one app names it and another does not, both apply at once: afterwards it is in both, Temporal and the database, or in none', async () => {
  await apply([daily()]);
  let byOther: Promise<unknown> | undefined;
  let done = false;
  const without = clientWhere(
    'deleteSchedule',
    async () => {
      byOther = apply([daily()]).finally(() => {
        done = true;
      });
      await until('the other has applied its own, or waits', async () => {
        const { rows } = await database.ownerPool.query(`select from pg_locks l join pg_database d on d.oid = l.database
           where d.datname = current_database() and l.locktype = 'advisory' and not l.granted`);
        return done || rows.length > 0;
      });
    },
    true,
  );
  await apply([], without);
  await byOther;
  expect(await listed()).toEqual((await inTemporal()) === undefined ? [] : ['daily']);
  // The one that names it came last.
  expect(await listed()).toEqual(['daily']);
});

test('a pause stays when the schedule is removed and made again, and when Temporal has lost it', async () => {
  await apply([daily()]);
  await schedules.pause('daily', 'the mail server moves');
  await apply([]);
  expect(await inTemporal()).toBeUndefined();
  expect(await listed()).toEqual([]);
  expect(await apply([daily()])).toEqual([{ schedule: 'daily', change: 'create', differences: {}, paused: true }]);
  expect((await inTemporal())?.state).toMatchObject({ paused: true, note: 'the mail server moves' });
  await client.schedule.getHandle(scheduleId).delete();
  await apply([daily()]);
  expect(await schedules.read('daily')).toMatchObject({ paused: true, note: 'the mail server moves', next: [] });
  await schedules.resume('daily');
  await client.schedule.getHandle(scheduleId).delete();
  await apply([daily()]);
  expect(await schedules.read('daily')).toMatchObject({ paused: false });
});

test('a pause in Temporal itself stays too, once somebody has applied the schedule', async () => {
  await apply([daily()]);
  await client.schedule.getHandle(scheduleId).pause('by its page');
  await apply([daily()]);
  await client.schedule.getHandle(scheduleId).delete();
  await apply([daily()]);
  expect(await schedules.read('daily')).toMatchObject({ paused: true, note: 'by its page' });
});

test('its firings stay when it is removed and made again: its running job still counts', async () => {
  await apply([daily()]);
  const fire = (dueAt: string) => fireSchedule(database.db, scheduleAction(daily()), { firing: dueAt, dueAt: new Date(dueAt) });
  expect(await fire('2024-11-20T10:00:00Z')).toMatchObject({ answer: 'created' });
  await apply([]);
  expect(await fire('2024-11-21T10:00:00Z')).toEqual({ answer: 'removed' });
  await apply([daily()]);
  expect(await fire('2024-11-22T10:00:00Z')).toMatchObject({ answer: 'skipped', jobId: 'send:daily/2024-11-20T10:00:00Z' });
});

test('a pause in the moment in which a change is applied stays, and so does the change', async () => {
  await apply([daily()]);
  const change = clientWhere('updateSchedule', () => client.schedule.getHandle(scheduleId).pause('in between'));
  expect(await apply([daily('0 11 * * *')], change)).toMatchObject([{ change: 'update' }]);
  expect(await schedules.read('daily')).toMatchObject({ paused: true, note: 'in between', action: { cron: '0 11 * * *' } });
  expect(await apply([daily('0 11 * * *')])).toMatchObject([{ change: 'none' }]);
});

test('whoever finds that another has just made it compares it with what it wants', async () => {
  const taskQueue = taskQueueOf(await installationId(database.db));
  const old = scheduleSettings(scheduleAction(daily('0 9 * * *')), { scheduleId, taskQueue });
  const slower = clientWhere('createSchedule', () => client.schedule.create({ scheduleId, ...old }));
  expect(await apply([daily('0 11 * * *')], slower)).toMatchObject([{ change: 'update', differences: { cron: { is: '0 9 * * *' } } }]);
  expect(await schedules.read('daily')).toMatchObject({ action: { cron: '0 11 * * *' } });
});

test('one that Temporal refuses is named, and holds up no other', async () => {
  await apply([daily('0 9 * * *', { name: 'gone' })]);
  const bad = daily('0 9 * * *', { name: 'a-bad-one', timezone: 'Nowhere/Land' });
  await expect(apply([bad, daily()])).rejects.toThrow(/^Temporal refuses schedule 'a-bad-one': .*Nowhere\/Land\.$/);
  expect((await schedules.list()).map(({ name, action }) => [name, action?.cron])).toEqual([
    ['a-bad-one', undefined],
    ['daily', '0 10 * * *'],
  ]);
});

test('what is wrong is told when it begins and when it changes, and that it is over', async () => {
  const told: string[] = [];
  const options = { ...optionsOf([]), wanted: [scheduleAction(daily('0 9 * * *', { timezone: 'Nowhere/Land' }))] };
  const stop = keepSchedules(options, (message) => told.push(message), 20);
  await until('the first is told', async () => told.length === 1);
  options.wanted = [scheduleAction(daily('0 9 * * *', { timezone: 'Elsewhere/Land' }))];
  await until('the change is told', async () => told.length === 2);
  options.wanted = [scheduleAction(daily())];
  await until('the end is told', async () => told.length === 3, 20_000);
  await stop();
  expect(told).toEqual([
    expect.stringMatching(/^The schedules are not as the app says: .*Nowhere\/Land\. Trying again\.$/),
    expect.stringMatching(/Elsewhere\/Land/),
    'The schedules are as the app says now.',
  ]);
});

test.each([
  ['another hour', { spec: { cronExpressions: ['0 11 * * *'], timezone: 'UTC' } }, ['temporalCalendars']],
  ['jitter', { spec: { cronExpressions: ['0 10 * * *'], timezone: 'UTC', jitter: 5_000 } }, ['temporalJitter']],
  ['a last day', { spec: { cronExpressions: ['0 10 * * *'], timezone: 'UTC', endAt: new Date('2030-01-01') } }, ['temporalEndAt']],
  ['few firings left', { state: { paused: false, remainingActions: 2 } }, ['temporalRemainingActions']],
])('is found out and undone where somebody has given it in Temporal itself: %s', async (_, changes, differing) => {
  await apply([daily()]);
  expect(await apply([daily()])).toMatchObject([{ change: 'none' }]);
  await client.schedule.getHandle(scheduleId).update((previous) => ({ ...previous, ...changes }));
  const [change] = await apply([daily()]);
  expect(change).toMatchObject({ change: 'update' });
  expect(Object.keys(change?.differences ?? {})).toEqual(differing);
  expect(await apply([daily()])).toMatchObject([{ change: 'none' }]);
  expect((await inTemporal())?.state.remainingActions).toBeUndefined();
});

test('a namespace that is not there is named, and nothing is taken as removed because of it', async () => {
  await apply([daily()]);
  const lost = new Client({ connection: client.connection, namespace: 'nowhere' });
  const calls = [
    () => apply([], lost),
    () => createSchedules({ client: async () => lost, pool: database.pool, schema: 'tidemark' }).next('daily', 1),
  ];
  for (const call of calls)
    await expect(call()).rejects.toThrow("Temporal has no namespace 'nowhere'. Create it, or set TEMPORAL_NAMESPACE");
  expect(await listed()).toEqual(['daily']);
});
