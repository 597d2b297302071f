/**
 * Schedules over Temporal. Times, pauses and definitions are asked of Temporal, because it is what fires; what a person asks for beside the clock goes
 * straight to Postgres, as the firing itself does, in one transaction.
 */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { InvalidInputError, QueueFullError, ScheduleNotFoundError } from '../errors.ts';
import { WORK_HINT } from '../postgres/hints.ts';
import { notify } from '../postgres/listen.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema, type Queryable } from '../postgres/queryable.ts';
import { inTransaction } from '../postgres/transaction.ts';
import { MOST_CAUGHT_UP } from '../schedules/define-schedule.ts';
import { type FireValue, fireSchedule, firingAt } from '../schedules/fire-schedule.ts';
import { listFirings } from '../schedules/list-firings.ts';
import type { ScheduleAction } from '../schedules/schedule-action.ts';
import type { BackfillValue, ListedSchedule, Schedules } from '../schedules/schedules.ts';
import { installationId } from '../work/register.ts';
import { lockSchedule } from './lock-schedule.ts';
import { actionOf, callSchedules, scheduleIdOf } from './schedule-settings.ts';

export interface SchedulesOptions {
  /** Asked for with each call: connects when it is first needed. */
  client: () => Promise<Client>;
  pool: Pool;
  schema: string;
}

const SHOWN = 10;
/** Where to look for what is to come: a 29th of February that is a Monday is in it. */
const AHEAD_MS = 41 * 366 * 86_400_000;
const timestamp = (date: Date) => ({ seconds: Math.floor(date.getTime() / 1_000) as unknown as Long, nanos: 0 });
type Long = NonNullable<NonNullable<Parameters<Client['workflowService']['listScheduleMatchingTimes']>[0]['startTime']>['seconds']>;

export function createSchedules({ client: connect, pool, schema }: SchedulesOptions): Schedules {
  const db = inSchema(pool, schema);
  const idOf = async (name: string) => scheduleIdOf(await installationId(db), name);

  async function describe(name: string) {
    const client = await connect();
    const handle = client.schedule.getHandle(await idOf(name));
    return callSchedules(client, name, () => handle.describe());
  }

  async function deployed(name: string): Promise<ScheduleAction> {
    const action = actionOf(await describe(name));
    if (action === undefined) throw new ScheduleNotFoundError(name);
    return action;
  }

  async function look(name: string): Promise<Omit<ListedSchedule, 'firings'>> {
    try {
      const found = await describe(name);
      const { paused, note } = found.state;
      const action = actionOf(found);
      const next = paused ? [] : found.info.nextActionTimes.slice(0, SHOWN);
      return { name, ...(action ? { action } : {}), paused, ...(note ? { note } : {}), next };
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      return { name, paused: false, next: [] };
    }
  }

  async function list(names: readonly string[]): Promise<ListedSchedule[]> {
    const [looks, firings] = await Promise.all([Promise.all(names.map(look)), listFirings(db, names, SHOWN)]);
    return looks.map((found) => ({ ...found, firings: firings.get(found.name) ?? [] }));
  }

  /** After `after`, up to and with `until`: at most 1,000, which is what the server gives. */
  async function matching(name: string, after: Date, until: Date): Promise<Date[]> {
    const client = await connect();
    const scheduleId = await idOf(name);
    const { startTime } = await callSchedules(client, name, () =>
      client.workflowService.listScheduleMatchingTimes({
        namespace: client.options.namespace,
        scheduleId,
        startTime: timestamp(after),
        endTime: timestamp(until),
      }),
    );
    return (startTime ?? []).map(({ seconds }) => new Date(Number(seconds) * 1_000));
  }

  async function forgotten(tx: Queryable, name: string, dueAt: Date): Promise<InvalidInputError> {
    const { rows } = await tx.query(`select pruned_to as last from ${db.schema}.schedule where name = $1::text`, [name]);
    return new InvalidInputError(
      `Schedule '${name}' had jobs up to ${firingAt(rows[0].last)} of which nothing is kept any more, so whether ${firingAt(dueAt)} had its job is not known. Fill in times after that; for one before it, enqueue the job.`,
    );
  }

  async function setPaused(name: string, paused: boolean, note = `${paused ? 'paused' : 'resumed'} by tidemark`): Promise<void> {
    const client = await connect();
    const handle = client.schedule.getHandle(await idOf(name));
    await lockSchedule({ pool, schema, name }, async (tx) => {
      await callSchedules(client, name, () => (paused ? handle.pause(note) : handle.unpause(note)));
      await tx.query(`update ${tx.schema}.schedule set paused = $2::boolean, note = $3::text where name = $1::text`, [name, paused, note]);
    });
  }

  return {
    async list() {
      const { rows } = await db.query(`select name from ${db.schema}.schedule where removed_at is null order by name`);
      return list(rows.map(({ name }) => name));
    },
    async read(name) {
      const { rows } = await db.query(`select from ${db.schema}.schedule where name = $1::text and removed_at is null`, [name]);
      const [found] = rows.length === 0 ? [] : await list([name]);
      if (found === undefined) throw new ScheduleNotFoundError(name);
      return found;
    },
    async next(name, count, after = new Date()) {
      if (!Number.isInteger(count) || count < 1 || count > MOST_CAUGHT_UP) {
        throw new InvalidInputError(`${count} times cannot be listed: use a whole number from 1 to ${MOST_CAUGHT_UP}.`);
      }
      return (await matching(name, after, new Date(after.getTime() + AHEAD_MS))).slice(0, count);
    },
    async trigger(name, { overlap, actor } = {}) {
      const action = await deployed(name);
      const options = { overlap, actor: action.actor ?? actor, now: true };
      const value = await fireSchedule(db, action, { ...options, firing: `triggered/${randomUUID()}`, dueAt: new Date() });
      checkFired(value, action, options.actor);
      if (value.answer === 'created') await notify(pool, WORK_HINT, schema);
      return value;
    },
    pause: (name, note) => setPaused(name, true, note),
    resume: (name, note) => setPaused(name, false, note),
    async backfill(name, { from, to, overlap, actor: asked }) {
      const action = await deployed(name);
      checkRange(from, to);
      // The server's list begins after its start, which is a whole second.
      const times = await matching(name, new Date(Math.ceil(from.getTime() / 1_000) * 1_000 - 1_000), to);
      if (times.length >= MOST_CAUGHT_UP) {
        throw new InvalidInputError(
          `Schedule '${name}' has ${MOST_CAUGHT_UP} times or more between ${firingAt(from)} and ${firingAt(to)}: fill it in several, up to ${firingAt(times.at(-2) as Date)} first.`,
        );
      }
      const actor = action.actor ?? asked;
      const how = { overlap: overlap ?? (action.overlap === 'allow' ? 'allow' : 'buffer'), actor, again: true, now: true } as const;
      const value: BackfillValue = { times: times.length, created: 0, existed: 0, skipped: 0, jobIds: [] };
      await inTransaction(pool, async (tx) => {
        for (const dueAt of times) {
          const fired = await fireSchedule(inSchema(tx, schema), action, { ...how, firing: firingAt(dueAt), dueAt });
          checkFired(fired, action, actor);
          if (fired.answer === 'forgotten') throw await forgotten(tx, name, dueAt);
          if (fired.answer === 'created') value.jobIds.push(fired.jobId as string);
          else value[fired.answer === 'exists' ? 'existed' : 'skipped'] += 1;
        }
      });
      value.created = value.jobIds.length;
      if (value.created > 0) await notify(pool, WORK_HINT, schema);
      return value;
    },
  };
}

function checkRange(from: Date, to: Date): void {
  if (Number.isNaN(from.getTime()) || Number.isNaN(to.getTime()) || from > to) {
    throw new InvalidInputError('A backfill needs a time from and a time to that is not before it.');
  }
  if (to.getTime() > Date.now()) {
    throw new InvalidInputError(`A backfill ends in the past, and ${firingAt(to)} is to come. Use a time that is over.`);
  }
}

/** @throws ScheduleNotFoundError, QueueFullError */
function checkFired({ answer }: FireValue, { schedule, job, maxWaitingPerActor }: ScheduleAction, actor: string | undefined): void {
  if (answer === 'removed') throw new ScheduleNotFoundError(schedule);
  if (answer === 'full') throw new QueueFullError(job, String(actor), Number(maxWaitingPerActor));
}
