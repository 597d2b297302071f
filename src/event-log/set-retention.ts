import { LogNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { checkRetention, type RetentionSettings } from './retention-settings.ts';

/** Changes what a log keeps; a setting that is not given stays as it is. @throws LogNotFoundError, InvalidInputError */
export async function setRetention(db: Database, logId: string, settings: RetentionSettings): Promise<void> {
  checkRetention(`log '${logId}'`, settings);
  const { rows } = await db.query(
    `update ${db.schema}.logs set keep_snapshots = coalesce($2::integer, keep_snapshots), keep_days = coalesce($3::integer, keep_days)
     where id = $1::text returning id`,
    [logId, settings.keepSnapshots ?? null, settings.keepDays ?? null],
  );
  if (rows.length === 0) {
    throw new LogNotFoundError(logId);
  }
}
