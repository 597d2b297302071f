import { cancellationSignal, heartbeat } from '@temporalio/activity';
import { runBurst } from '../work/run-burst.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { toFailure } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { BurstActivities } from './types.ts';

const WIDTH = 8;
const UNIT_BUDGET_MS = 1_000;

export function burstActivities({ pool, schema, handlerOf, observe, watch }: ActivityDependencies): BurstActivities {
  return {
    runBurst: (burstId) =>
      withHeartbeat(async () => {
        try {
          return await runBurst(burstId, {
            pool,
            schema,
            handlerOf,
            signal: cancellationSignal(),
            width: WIDTH,
            unitBudgetMs: UNIT_BUDGET_MS,
            onProgress: (counts) => heartbeat(counts),
            observe,
            watch,
          });
        } catch (error) {
          throw toFailure(error);
        }
      }),
  };
}
