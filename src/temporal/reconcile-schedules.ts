/**
 * Brings the Temporal Schedules of this installation to what is wanted: made, changed, removed. Whether one is paused is a person's decision and stays,
 * also where it is removed and made again, or Temporal has lost it.
 *
 * The database has the name of each one that Temporal may have, so that what is gone is found without asking for all schedules of a shared server. The
 * name is there before the schedule, and is marked as removed after it: whoever is killed between leaves a name, which the next one finds. Each is
 * changed under its lock, so of two that apply at once one comes after the other.
 */
import { type Client, ScheduleAlreadyRunning, type ScheduleDescription } from '@temporalio/client';
import { InvalidInputError, ScheduleNotFoundError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import type { ScheduleAction } from '../schedules/schedule-action.ts';
import { installationId } from '../work/register.ts';
import { lockSchedule } from './lock-schedule.ts';
import { describedParts, type ScheduleDifferences, scheduleDifferences } from './schedule-differences.ts';
import { callSchedules, scheduleIdOf, scheduleSettings } from './schedule-settings.ts';
import { taskQueueOf } from './task-queue.ts';
import { updateSchedule } from './update-schedule.ts';

export interface ReconcileOptions {
  client: Client;
  pool: Pool;
  schema: string;
  wanted: readonly ScheduleAction[];
  /** Whether one that is not wanted is to go. */
  isGone: (name: string) => boolean;
  /** Only says what would change. */
  dryRun?: boolean;
}

export interface ScheduleChange {
  schedule: string;
  /** 'unknown': not wanted here, and left as it is. */
  change: 'create' | 'update' | 'none' | 'remove' | 'unknown';
  /** What differs, by option. */
  differences: ScheduleDifferences;
  /** It fires nothing until somebody resumes it. */
  paused?: true;
}

/** What the database has of one. */
interface KnownSchedule {
  paused: boolean;
  note: string | null;
  described: Record<string, unknown> | null;
}

/** @throws UnavailableError; InvalidInputError where Temporal refuses some, when the others are as they should be */
export async function reconcileSchedules(options: ReconcileOptions): Promise<ScheduleChange[]> {
  const { client, pool, schema, wanted, isGone, dryRun = false } = options;
  const db = inSchema(pool, schema);
  const installation = await installationId(db);
  const { rows } = await db.query(`select name from ${db.schema}.schedule where removed_at is null order by name`);
  const changes: ScheduleChange[] = [];
  const refused: InvalidInputError[] = [];
  for (const action of wanted) {
    const settling = {
      client,
      action,
      scheduleId: scheduleIdOf(installation, action.schedule),
      taskQueue: taskQueueOf(installation),
      dryRun,
    };
    try {
      changes.push(await (dryRun ? settle(db, settling) : settleLocked({ pool, schema, name: action.schedule }, settling)));
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      refused.push(error);
    }
  }
  for (const { name } of rows.filter((row) => !wanted.some(({ schedule }) => schedule === row.name))) {
    const gone = isGone(name);
    changes.push({ schedule: name, change: gone ? 'remove' : 'unknown', differences: {} });
    if (gone && !dryRun) {
      await lockSchedule({ pool, schema, name }, (tx) => remove(tx, { client, name, scheduleId: scheduleIdOf(installation, name) }));
    }
  }
  if (refused.length > 0) {
    throw refused.length === 1 ? refused[0] : new InvalidInputError(refused.map(({ message }) => message).join(' '));
  }
  return changes.sort((a, b) => (a.schedule < b.schedule ? -1 : 1));
}

async function remove(db: Database, { client, name, scheduleId }: { client: Client; name: string; scheduleId: string }): Promise<void> {
  const found = await describe(client, name, scheduleId);
  if (found !== undefined) {
    await callSchedules(client, name, () => client.schedule.getHandle(scheduleId).delete()).catch((error: unknown) => {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    });
  }
  const { paused, note } = found?.state ?? (await readKnown(db, name));
  await db.query(
    `update ${db.schema}.schedule set removed_at = clock_timestamp(), described = null, paused = $2::boolean, note = $3::text
     where name = $1::text and removed_at is null`,
    [name, paused, note || null],
  );
}

interface Settling {
  client: Client;
  scheduleId: string;
  taskQueue: string;
  action: ScheduleAction;
  dryRun: boolean;
}

async function settleLocked(lock: { pool: Pool; schema: string; name: string }, settling: Settling): Promise<ScheduleChange> {
  const db = inSchema(lock.pool, lock.schema);
  for (;;) {
    await db.query(
      `insert into ${db.schema}.schedule as s (name) values ($1::text)
       on conflict (name) do update set removed_at = null where s.removed_at is not null`,
      [lock.name],
    );
    const change = await lockSchedule(lock, async (tx) => {
      const { rows } = await tx.query(`select from ${tx.schema}.schedule where name = $1::text and removed_at is null`, [lock.name]);
      // Whoever held the lock before has removed it: the name has to be there first.
      return rows.length === 0 ? undefined : settle(tx, settling);
    });
    if (change !== undefined) return change;
  }
}

async function settle(db: Database, { client, scheduleId, taskQueue, action, dryRun }: Settling): Promise<ScheduleChange> {
  const { schedule } = action;
  const settings = scheduleSettings(action, { scheduleId, taskQueue });
  const known = await readKnown(db, schedule);
  const found = await describe(client, schedule, scheduleId);
  if (found === undefined) {
    const { paused, note } = known;
    const change: ScheduleChange = { schedule, change: 'create', differences: {}, ...(paused ? { paused } : {}) };
    if (dryRun) return change;
    const made = await create(client, schedule, { scheduleId, ...settings, state: { paused, ...(note ? { note } : {}) } });
    // Where somebody else was faster it is compared.
    if (!made) return settle(db, { client, scheduleId, taskQueue, action, dryRun });
    await keep(db, schedule, await callSchedules(client, schedule, () => client.schedule.getHandle(scheduleId).describe()));
    return change;
  }
  const differences = scheduleDifferences(found, { action, settings, described: known.described });
  const differing = Object.keys(differences);
  const { paused, note } = found.state;
  const change: ScheduleChange = {
    ...{ schedule, change: differing.length > 0 ? 'update' : 'none', differences },
    ...(paused ? { paused } : {}),
  };
  if (dryRun) return change;
  if (differing.length > 0) {
    const mayBeSo = differing.every((option) => option === 'applied');
    await keep(db, schedule, await callSchedules(client, schedule, () => updateSchedule(client, found, { settings, mayBeSo })));
  } else if (known.paused !== paused || (known.note ?? '') !== (note ?? '')) {
    await keep(db, schedule, found);
  }
  return change;
}

/** @returns false where there is one */
function create(client: Client, schedule: string, options: Parameters<Client['schedule']['create']>[0]): Promise<boolean> {
  return callSchedules(client, schedule, () =>
    client.schedule.create(options).then(
      () => true,
      (error: unknown) => {
        if (error instanceof ScheduleAlreadyRunning) return false;
        throw error;
      },
    ),
  );
}

async function keep(db: Database, schedule: string, found: ScheduleDescription): Promise<void> {
  const { paused, note } = found.state;
  await db.query(`update ${db.schema}.schedule set described = $2::json, paused = $3::boolean, note = $4::text where name = $1::text`, [
    schedule,
    JSON.stringify(describedParts(found)),
    paused,
    note || null,
  ]);
}

function describe(client: Client, schedule: string, scheduleId: string): Promise<ScheduleDescription | undefined> {
  return callSchedules(client, schedule, () => client.schedule.getHandle(scheduleId).describe()).catch((error: unknown) => {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  });
}

async function readKnown(db: Database, name: string): Promise<KnownSchedule> {
  const { rows } = await db.query(`select paused, note, described from ${db.schema}.schedule where name = $1::text`, [name]);
  return rows[0] ?? { paused: false, note: null, described: null };
}
