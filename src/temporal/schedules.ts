/**
 * Temporal Schedules of this installation: made, or brought up to date, by whoever starts executions; removed where they are turned off.
 *
 * In the background: a server that has no schedules, or does not answer, holds up no work. It is tried again until it is so.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { errorMessage } from '../errors.ts';
import { COLLECT_GARBAGE, type CollectGarbageInput } from '../garbage/collect-job.ts';

export interface GarbageSchedule extends CollectGarbageInput {
  /** Between two collections; undefined: none by schedule. */
  everyMs: number | undefined;
}

export interface ScheduleOptions {
  client: Client;
  /** Its id begins those of its schedules. */
  installation: string;
  taskQueue: string;
  garbage: GarbageSchedule;
}

const DEADLINE_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

/** @returns stops trying */
export function ensureSchedules(options: ScheduleOptions, onError: (message: string) => void): () => Promise<void> {
  const stop = new AbortController();
  const ensuring = (async () => {
    for (let pauseMs = FIRST_PAUSE_MS; !stop.signal.aborted; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        await options.client.connection.withDeadline(Date.now() + DEADLINE_MS, () => ensureGarbageSchedule(options));
        return;
      } catch (error) {
        if (pauseMs === FIRST_PAUSE_MS) {
          onError(`The schedule of garbage collection is not made: ${errorMessage(error)}; trying again.`);
        }
        await delay(pauseMs, undefined, { signal: stop.signal }).catch(() => {});
      }
    }
  })();
  return async () => {
    stop.abort();
    await ensuring;
  };
}

async function ensureGarbageSchedule({ client, installation, taskQueue, garbage: { everyMs, ...input } }: ScheduleOptions): Promise<void> {
  const scheduleId = scheduleIdOf(installation, COLLECT_GARBAGE);
  const handle = client.schedule.getHandle(scheduleId);
  if (everyMs === undefined) {
    await handle.delete().catch(ignoreMissing);
    return;
  }
  const settings = {
    spec: { intervals: [{ every: everyMs }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'scheduled',
      workflowId: scheduleId,
      taskQueue,
      args: [COLLECT_GARBAGE, input],
      workflowRunTimeout: '1 day' as const,
    },
    // One that was missed by more is made up for by the next.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' as const },
  };
  try {
    await client.schedule.create({ scheduleId, ...settings });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) {
      throw error;
    }
    // A person may have paused it.
    await handle.update(({ state }) => ({ ...settings, state }));
  }
}

export function scheduleIdOf(installation: string, job: string): string {
  return `${installation}/schedule/${job}`;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof ScheduleNotFoundError)) {
    throw error;
  }
}
