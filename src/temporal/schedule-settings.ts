/**
 * How one of ours is a Temporal Schedule. What it starts is the tiny workflow `scheduled`, whose one activity adds the job; its argument is all that we
 * know of the schedule, so that a listing, a comparison and a firing need nothing else.
 *
 * - The overlap that Temporal sees is about that workflow, which is open for milliseconds, or as long as no worker runs. 'skip' keeps one more behind an
 *   open one (BUFFER_ONE), 'buffer' all in order, 'allow' does not wait. Whether a job is added is decided in Postgres, by the jobs: see fire_schedule.
 * - A time that comes twice or not at all in its zone: the calendar of Temporal's server decides.
 * - Jitter is the job's (its not_before), so that every time in Temporal is the time that was meant.
 */
import { type Client, ScheduleNotFoundError as MissingSchedule, type ScheduleDescription, ScheduleOverlapPolicy } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { InvalidInputError, ScheduleNotFoundError, TidemarkError, UnavailableError } from '../errors.ts';
import type { ScheduleOverlap } from '../schedules/define-schedule.ts';
import type { ScheduleAction } from '../schedules/schedule-action.ts';

const POLICY = {
  skip: ScheduleOverlapPolicy.BUFFER_ONE,
  buffer: ScheduleOverlapPolicy.BUFFER_ALL,
  allow: ScheduleOverlapPolicy.ALLOW_ALL,
} as const satisfies Record<ScheduleOverlap, ScheduleOverlapPolicy>;

/** After its time is over the workflow still has a moment to say so. */
const MARGIN_MS = 60_000;
const DEADLINE_MS = 10_000;
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;

export const scheduleIdOf = (installation: string, schedule: string): string => `${installation}/schedule/${schedule}`;

export function scheduleSettings(action: ScheduleAction, { scheduleId, taskQueue }: { scheduleId: string; taskQueue: string }) {
  const { cron, timezone, everyMs, overlap, catchUpMs } = action;
  return {
    spec: cron === undefined ? { intervals: [{ every: everyMs as number }] } : { cronExpressions: [cron], timezone: timezone as string },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'scheduled',
      workflowId: scheduleId,
      taskQueue,
      args: [action],
      workflowRunTimeout: catchUpMs + MARGIN_MS,
    },
    policies: { overlap: POLICY[overlap], catchupWindow: catchUpMs },
  };
}

/** What one was made of; undefined for one that is not of this version. */
export function actionOf({ action }: ScheduleDescription): ScheduleAction | undefined {
  const [first] = action.args ?? [];
  return typeof first === 'object' && first !== null && 'schedule' in first ? (first as ScheduleAction) : undefined;
}

/** One call, or a few: within a deadline, its errors ours. */
export async function callSchedules<T>(client: Client, name: string, call: () => Promise<T>): Promise<T> {
  try {
    return await client.connection.withDeadline(Date.now() + DEADLINE_MS, call);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    // The SDK has what the server said as the cause, or has made a TypeError of what is wrong with the times; a raw call throws it itself.
    const { code, details, message } = ((error as Error).cause ?? error) as { code?: number; details?: string; message: string };
    if (isNamespaceMissing(error, { code, details })) {
      throw new UnavailableError(
        `Temporal has no namespace '${client.options.namespace}'. Create it, or set TEMPORAL_NAMESPACE to the one that has the schedules.`,
        { cause: error },
      );
    }
    if (error instanceof MissingSchedule || code === NOT_FOUND) throw new ScheduleNotFoundError(name);
    if (error instanceof TypeError || code === INVALID_ARGUMENT) {
      throw new InvalidInputError(`Temporal refuses schedule '${name}': ${details ?? message}.`);
    }
    throw new UnavailableError(`Temporal does not answer about schedules (${details ?? message}). Nothing was changed: try again.`, {
      cause: error,
    });
  }
}

function isNamespaceMissing(error: unknown, { code, details = '' }: { code: number | undefined; details: string | undefined }): boolean {
  return error instanceof NamespaceNotFoundError || (code === NOT_FOUND && /^namespace\b/i.test(details));
}
