/** Schedules as REST shows them. */
import { z } from 'zod';
import type { FireValue } from '../schedules/fire-schedule.ts';
import type { Firing } from '../schedules/list-firings.ts';
import type { ListedSchedule } from '../schedules/schedules.ts';
import { Timestamp } from './schemas.ts';
import { WorkState } from './work-schemas.ts';

export const ScheduleName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'use 1 to 100 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit')
  .meta({ description: 'Name of a schedule', example: 'newsletter' });

export const Overlap = z
  .enum(['skip', 'buffer', 'allow'])
  .describe('What becomes of a time while an earlier job of the schedule waits or runs: no job, one that waits for it, one beside it');

const FiringBody = z
  .object({
    firing: z.string().describe('The time that it was due, or triggered/<id> of one by hand'),
    dueAt: Timestamp,
    firedAt: Timestamp,
    answer: z.enum(['created', 'skipped', 'missed']).describe('It added a job; an earlier job had not ended; it came too late'),
    jobId: z.string().optional().describe('Of the job that it added, or that it was skipped for'),
    state: WorkState.optional().describe('Of that job; absent when it is not kept any more'),
  })
  .meta({ id: 'ScheduleFiring', description: 'A time of a schedule, and what became of it' });

export const Schedule = z
  .object({
    name: ScheduleName,
    deployed: z.boolean().describe('False: Temporal does not have it, and it fires nothing'),
    cron: z.string().optional().describe('Minute, hour, day of the month, month, weekday'),
    timezone: z.string().optional(),
    everyMs: z.int().optional().describe('In the place of cron'),
    job: z.string().optional().describe('Name of the job that it enqueues'),
    input: z.unknown().optional(),
    overlap: Overlap.optional(),
    catchUpMs: z.int().optional().describe('How late a time may be carried out'),
    jitterMs: z.int().optional(),
    actor: z.string().optional().describe('For whom its jobs are'),
    paused: z.boolean(),
    note: z.string().optional().describe('What was said when it was paused or resumed'),
    next: z.array(Timestamp).describe('Its next times, up to 10; none while it is paused'),
    firings: z.array(FiringBody).describe('Newest first, up to 10'),
  })
  .meta({ id: 'Schedule', description: 'When a job is enqueued by the clock' });

export const Fired = z
  .object({
    answer: z.enum(['created', 'skipped']).describe('skipped: an earlier job of it waits or runs'),
    jobId: z.string().describe('Of the job that it added, or that it was skipped for'),
  })
  .meta({ id: 'FiredSchedule' });

export const Backfilled = z
  .object({
    times: z.int().describe('That lie between'),
    created: z.int(),
    existed: z.int().describe('Had their job'),
    skipped: z.int(),
    jobIds: z.array(z.string()).describe('Of the jobs that were added'),
  })
  .meta({ id: 'BackfilledSchedule' });

export function scheduleBody({ name, action, paused, note, next, firings }: ListedSchedule): z.input<typeof Schedule> {
  const { schedule: _, maxWaitingPerActor: __, ...definition } = action ?? {};
  return {
    name,
    deployed: action !== undefined,
    ...definition,
    paused,
    ...(note === undefined ? {} : { note }),
    next: next.map((time) => time.toISOString()),
    firings: firings.map(firingBody),
  };
}

function firingBody({ dueAt, firedAt, ...firing }: Firing): z.input<typeof FiringBody> {
  return { ...firing, dueAt: dueAt.toISOString(), firedAt: firedAt.toISOString() };
}

export function firedBody({ answer, jobId = '' }: FireValue): z.input<typeof Fired> {
  return { answer: answer === 'created' ? 'created' : 'skipped', jobId };
}
