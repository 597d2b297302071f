/**
 * Brings the Temporal Schedules of this installation to what is wanted: made, changed, removed. Whether one is paused is a person's decision and stays.
 *
 * The database has the name of each one that Temporal may have, so that what is gone is found without asking for all schedules of a shared server. The
 * name is there before the schedule, and goes after it: whoever is killed between leaves a name, which the next one finds.
 */
import { type Client, ScheduleAlreadyRunning, type ScheduleDescription } from '@temporalio/client';
import { ScheduleNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { ScheduleAction } from '../schedules/schedule-action.ts';
import { installationId } from '../work/register.ts';
import { actionOf, callSchedules, scheduleIdOf, scheduleSettings } from './schedule-settings.ts';
import { taskQueueOf } from './task-queue.ts';

export interface ReconcileOptions {
  client: Client;
  db: Database;
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
  differences: Record<string, { is: unknown; wanted: unknown }>;
}

/** @throws UnavailableError, InvalidInputError where Temporal refuses one; those before it are done */
export async function reconcileSchedules(options: ReconcileOptions): Promise<ScheduleChange[]> {
  const { client, db, wanted, isGone, dryRun = false } = options;
  const installation = await installationId(db);
  const { rows } = await db.query(`select name from ${db.schema}.schedule order by name`);
  const known = rows.map(({ name }) => name as string);
  const changes: ScheduleChange[] = [];
  for (const action of wanted) {
    const name = action.schedule;
    if (!dryRun && !known.includes(name)) {
      await db.query(`insert into ${db.schema}.schedule (name) values ($1::text) on conflict do nothing`, [name]);
    }
    const scheduleId = scheduleIdOf(installation, name);
    const settings = scheduleSettings(action, { scheduleId, taskQueue: taskQueueOf(installation) });
    changes.push(await callSchedules(client, name, () => settle(client, { scheduleId, settings, action, dryRun })));
  }
  for (const name of known.filter((one) => !wanted.some(({ schedule }) => schedule === one))) {
    const gone = isGone(name);
    changes.push({ schedule: name, change: gone ? 'remove' : 'unknown', differences: {} });
    if (gone && !dryRun) await remove(client, db, name, scheduleIdOf(installation, name));
  }
  return changes.sort((a, b) => (a.schedule < b.schedule ? -1 : 1));
}

async function remove(client: Client, db: Database, name: string, scheduleId: string): Promise<void> {
  await callSchedules(client, name, () => client.schedule.getHandle(scheduleId).delete()).catch((error: unknown) => {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  });
  await db.query(`delete from ${db.schema}.schedule where name = $1::text`, [name]);
}

interface Wanted {
  scheduleId: string;
  settings: ReturnType<typeof scheduleSettings>;
  action: ScheduleAction;
  dryRun: boolean;
}

async function settle(client: Client, { scheduleId, settings, action, dryRun }: Wanted): Promise<ScheduleChange> {
  const { schedule } = action;
  const handle = client.schedule.getHandle(scheduleId);
  const found = await callSchedules(client, schedule, () => handle.describe()).catch((error: unknown) => {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  });
  if (found === undefined) {
    try {
      if (!dryRun) await client.schedule.create({ scheduleId, ...settings });
      return { schedule, change: 'create', differences: {} };
    } catch (error) {
      // Another process was faster.
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      return { schedule, change: 'none', differences: {} };
    }
  }
  const differences = differencesOf(found, action, settings);
  if (Object.keys(differences).length === 0) {
    return { schedule, change: 'none', differences };
  }
  if (!dryRun) await handle.update(({ state }) => ({ ...settings, state }));
  return { schedule, change: 'update', differences };
}

/** What it was made of, and what of the schedule itself somebody else can have changed and the server gives back as it was given. */
function differencesOf(found: ScheduleDescription, wanted: ScheduleAction, { spec, policies, action }: Wanted['settings']) {
  const made: Partial<ScheduleAction> = actionOf(found) ?? {};
  const pairs: Record<string, [is: unknown, wanted: unknown]> = Object.fromEntries(
    ([...new Set([...Object.keys(made), ...Object.keys(wanted)])] as (keyof ScheduleAction)[]).map((option) => [
      option,
      [made[option], wanted[option]],
    ]),
  );
  pairs.temporalOverlap = [found.policies.overlap, policies.overlap];
  pairs.temporalCatchupWindow = [found.policies.catchupWindow, policies.catchupWindow];
  pairs.temporalTimezone = [found.spec.timezone || 'UTC', ('timezone' in spec && spec.timezone) || 'UTC'];
  pairs.temporalIntervals = [found.spec.intervals?.map(({ every }) => every), spec.intervals?.map(({ every }) => every) ?? []];
  pairs.temporalCalendars = [found.spec.calendars?.length ?? 0, spec.cronExpressions?.length ?? 0];
  pairs.temporalTaskQueue = [found.action.taskQueue, action.taskQueue];
  return Object.fromEntries(
    Object.entries(pairs)
      .filter(([, [is, wants]]) => canonical(is) !== canonical(wants))
      .map(([option, [is, wants]]) => [option, { is: is ?? null, wanted: wants ?? null }]),
  );
}

/** As text, whatever the order of its keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_, part) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
