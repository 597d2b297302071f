import { QueueFullError } from '../errors.ts';
import { inSchema } from '../postgres/queryable.ts';
import { fireSchedule } from '../schedules/fire-schedule.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { toFailure } from './failures.ts';
import type { ScheduleActivities } from './types.ts';

/** A server that is behind by a little is not an outage. */
const MARGIN_MS = 10_000;

export function scheduleActivities({ pool, schema }: Pick<ActivityDependencies, 'pool' | 'schema'>): ScheduleActivities {
  return {
    async fireSchedule(action, due) {
      try {
        const dueAt = new Date(due);
        const latest = new Date(dueAt.getTime() + action.catchUpMs + MARGIN_MS);
        const { answer } = await fireSchedule(inSchema(pool, schema), action, { firing: due, dueAt, latest });
        if (answer === 'full') {
          throw new QueueFullError(action.job, String(action.actor), Number(action.maxWaitingPerActor));
        }
        return answer;
      } catch (error) {
        throw toFailure(error);
      }
    },
  };
}
