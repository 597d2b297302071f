/** A command's work on schedules: the database and Temporal, which is connected to when it is first asked. */
import type { Schedules } from '../schedules/schedules.ts';
import type { DatabaseContext } from './with-database.ts';
import { withDatabase } from './with-database.ts';

export interface SchedulesContext extends DatabaseContext {
  schedules: Schedules;
}

export async function withSchedules<T>(body: (context: SchedulesContext) => Promise<T>): Promise<T> {
  const { connectSchedules } = await import('../temporal/connect-schedules.ts');
  return withDatabase(async (context) => {
    const { pool, targets } = context;
    const { schedules, close } = connectSchedules({ pool, schema: targets.schema, temporal: targets.temporal });
    try {
      return await body({ ...context, schedules });
    } finally {
      await close();
    }
  });
}
