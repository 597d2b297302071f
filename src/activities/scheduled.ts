import { addJob } from '../jobs/add-job.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { toFailure } from './failures.ts';
import type { ScheduleActivities } from './types.ts';

export function scheduleActivities({ pool, schema }: Pick<ActivityDependencies, 'pool' | 'schema'>): ScheduleActivities {
  return {
    async addScheduledJob(name, id, input) {
      try {
        return await addJob(inSchema(pool, schema), { name, id, input });
      } catch (error) {
        throw toFailure(error);
      }
    },
  };
}
