/**
 * Brings the Temporal Schedules of this installation to what is wanted: made, changed, removed. Whether one is paused is a person's decision and stays,
 * also where it is removed and made again, or Temporal has lost it.
 *
 * The database has the name of each one that Temporal may have, so that what is gone is found without asking for all schedules of a shared server. The
 * name is there before the schedule, and is marked as removed after it: whoever is killed between leaves a name, which the next one finds. Each is
 * changed under its lock, so of two that apply at once one comes after the other.
 */
import type { Client } from '@temporalio/client';
import { InvalidInputError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { ScheduleAction } from '../schedules/schedule-action.ts';
import { installationId } from '../work/register.ts';
import { removeSchedule, type ScheduleChange, type Settling, settleSchedule } from './change-schedule.ts';
import { lockSchedule } from './lock-schedule.ts';
import { scheduleIdOf } from './schedule-settings.ts';
import { taskQueueOf } from './task-queue.ts';

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
      changes.push(await (dryRun ? settleSchedule(db, settling) : settleLocked({ pool, schema, name: action.schedule }, settling)));
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      refused.push(error);
    }
  }
  for (const { name } of rows.filter((row) => !wanted.some(({ schedule }) => schedule === row.name))) {
    const gone = isGone(name);
    changes.push({ schedule: name, change: gone ? 'remove' : 'unknown', differences: {} });
    if (gone && !dryRun) {
      await lockSchedule({ pool, schema, name }, (tx) =>
        removeSchedule(tx, { client, name, scheduleId: scheduleIdOf(installation, name) }),
      );
    }
  }
  if (refused.length > 0) {
    throw refused.length === 1 ? refused[0] : new InvalidInputError(refused.map(({ message }) => message).join(' '));
  }
  return changes.sort((a, b) => (a.schedule < b.schedule ? -1 : 1));
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
      return rows.length === 0 ? undefined : settleSchedule(tx, settling);
    });
    if (change !== undefined) return change;
  }
}
