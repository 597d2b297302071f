import { cancellationSignal } from '@temporalio/activity';
import { runBurst } from '../work/run-burst.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { toFailure } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { BurstActivities } from './types.ts';

const WIDTH = 8;
const UNIT_BUDGET_MS = 1_000;
/** Short enough for another group to get its turn, long enough for the way from one burst to the next not to count. */
const GOES_ON_FOR_MS = 5_000;

export function burstActivities({
  pool,
  statements,
  schema,
  handlerOf,
  observe,
  watch,
  onBurstEnd,
}: ActivityDependencies): BurstActivities {
  return {
    runBurst: (burstId) =>
      withHeartbeat(async (heartbeatWith) => {
        try {
          return await runBurst(burstId, {
            pool,
            statements,
            schema,
            handlerOf,
            signal: cancellationSignal(),
            width: WIDTH,
            unitBudgetMs: UNIT_BUDGET_MS,
            goesOnForMs: GOES_ON_FOR_MS,
            onProgress: heartbeatWith,
            observe,
            watch,
          });
        } catch (error) {
          throw toFailure(error);
        } finally {
          onBurstEnd?.();
        }
      }),
  };
}
