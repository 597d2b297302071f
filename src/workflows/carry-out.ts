/**
 * How one unit of work is carried out, whatever it is.
 *
 * It begins as one local activity: begin, do, finish. A unit that turns out long goes on in a heartbeating activity: from the progress it
 * recorded where its handler has yielded, else as it is, where that runs in the same process (and eager dispatch hands it to that one). An attempt that failed for a reason outside the unit is tried again for ever, at growing intervals;
 * a unit that gave up makes its execution fail, with the error that is kept in its row.
 */
import {
  ApplicationFailure,
  continueAsNew,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  sleep,
  TemporalFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { CarryOutActivities, CarryOutOutcome } from '../activities/types.ts';

const runLocally = (maximumAttempts: number) =>
  proxyLocalActivities<CarryOutActivities>({
    // A unit has a deadline of its own, and moves or yields when it is long. This is for neither: the server lets no workflow task wait longer than 30 minutes.
    startToCloseTimeout: '15 minutes',
    localRetryThreshold: '1 second',
    retry: { initialInterval: '100 milliseconds', backoffCoefficient: 2, maximumAttempts },
  });
const local = runLocally(3);
/** What has failed three times in a row is no blip: from then on the growing interval is the only retry. */
const localOnce = runLocally(1);

const FIRST_INTERVAL_MS = 500;
const MAX_INTERVAL_MS = 600_000;

const heartbeating = proxyActivities<CarryOutActivities>({
  startToCloseTimeout: '1 day',
  heartbeatTimeout: '4 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: MAX_INTERVAL_MS },
});

/** Between two looks whether a unit whose worker has died may be tried again. */
const LATER_MS = 1_000;

export async function carryOut(workId: string, epoch: number): Promise<unknown> {
  for (let failures = 0; ; ) {
    let outcome: CarryOutOutcome;
    try {
      outcome = await (failures === 0 ? local : localOnce).runUnit(workId, epoch);
      if (outcome.type === 'long') {
        setCurrentDetails(`${workId}: long; runs in a heartbeating activity`);
        outcome = await heartbeating.runLongUnit(workId, epoch);
      }
    } catch (error) {
      // A heartbeating activity's failure comes wrapped in an ActivityFailure, a local one's comes as it was thrown.
      if (isCancellation(error) || !(error instanceof TemporalFailure)) {
        throw error;
      }
      const interval = Math.min(FIRST_INTERVAL_MS * 2 ** Math.min(failures, 20), MAX_INTERVAL_MS);
      setCurrentDetails(`${workId}: attempt failed (${error.cause?.message ?? error.message}); next one in ${interval / 1000} s`);
      failures += 1;
      await pause(interval, workId, epoch);
      continue;
    }
    if (outcome.type === 'later') {
      setCurrentDetails(`${workId}: its worker died while it ran; waits for another one of which that is true`);
      await pause(LATER_MS, workId, epoch);
      continue;
    }
    if (outcome.type === 'dead') {
      setCurrentDetails(`${workId}: dead; ${outcome.message}`);
      throw ApplicationFailure.create({ type: outcome.code, message: outcome.message, nonRetryable: true });
    }
    return outcome.type;
  }
}

/** A unit that is tried for days must not grow its history for ever. */
async function pause(ms: number, workId: string, epoch: number): Promise<void> {
  await sleep(ms);
  if (workflowInfo().continueAsNewSuggested) {
    await continueAsNew<(workId: string, epoch: number) => Promise<unknown>>(workId, epoch);
  }
}
