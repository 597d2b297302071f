/**
 * One schedule, brought to what is wanted or removed; with what the database keeps of it, so that it outlives its removal and Temporal's data: whether
 * it was paused, and what Temporal described after our last write. Called under its lock, but for a dry run.
 */
import { type Client, ScheduleAlreadyRunning, type ScheduleDescription } from '@temporalio/client';
import { ScheduleNotFoundError, UnavailableError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { ScheduleAction } from '../schedules/schedule-action.ts';
import { describedParts, type ScheduleDifferences, scheduleDifferences } from './schedule-differences.ts';
import { callSchedules, scheduleSettings } from './schedule-settings.ts';
import { updateSchedule } from './update-schedule.ts';

export interface ScheduleChange {
  schedule: string;
  /** 'unknown': not wanted here, and left as it is. */
  change: 'create' | 'update' | 'none' | 'remove' | 'unknown';
  /** What differs, by option. */
  differences: ScheduleDifferences;
  /** It fires nothing until somebody resumes it. */
  paused?: true;
}

export interface Settling {
  client: Client;
  scheduleId: string;
  taskQueue: string;
  action: ScheduleAction;
  dryRun: boolean;
}

/** What the database has of one. */
interface KnownSchedule {
  paused: boolean;
  note: string | null;
  described: Record<string, unknown> | null;
}

const MOST_BY_OTHERS = 3;

export async function settleSchedule(db: Database, settling: Settling, madeByOthers = 0): Promise<ScheduleChange> {
  const { client, scheduleId, taskQueue, action, dryRun } = settling;
  const { schedule } = action;
  const settings = scheduleSettings(action, { scheduleId, taskQueue });
  const known = await readKnown(db, schedule);
  const found = await describe(client, schedule, scheduleId);
  if (found === undefined) {
    const { paused, note } = known;
    const change: ScheduleChange = { schedule, change: 'create', differences: {}, ...(paused ? { paused } : {}) };
    if (dryRun) return change;
    const made = await create(client, schedule, { scheduleId, ...settings, state: { paused, ...(note ? { note } : {}) } });
    if (!made && madeByOthers < MOST_BY_OTHERS) {
      // Somebody else was faster: it is compared.
      return settleSchedule(db, settling, madeByOthers + 1);
    }
    if (!made) throw new UnavailableError(`Temporal says of schedule '${schedule}' that it is there, and that it is not. Try again.`);
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

export async function removeSchedule(
  db: Database,
  { client, name, scheduleId }: { client: Client; name: string; scheduleId: string },
): Promise<void> {
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
