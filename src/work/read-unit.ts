import { WorkNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { type ListedUnit, listedUnit, UNIT_COLUMNS } from './listed-unit.ts';
import { selectionSql, type WorkSelection } from './select.ts';

/** One unit with all there is to know. */
export interface UnitDetails extends ListedUnit {
  /** Which life of the unit this is. */
  epoch: string;
  /** Attempts that ended in an error of the handler's own. */
  failures: number;
  /** Lower first. */
  priority: number;
  /** Not claimed before. */
  notBefore: Date;
  expiresAt?: Date;
  /** The burst that it is part of. */
  burstId?: string;
  input?: unknown;
}

/** @param reach only among these. @throws WorkNotFoundError */
export async function readUnit(
  db: Database,
  id: string,
  reach: Pick<WorkSelection, 'logPrefixes' | 'workflow'> = {},
): Promise<UnitDetails> {
  const { condition, values } = selectionSql({ ...reach, ids: [id] });
  const { rows } = await db.query(
    `select ${UNIT_COLUMNS}, w.epoch, w.failures, w.priority, w.not_before, w.expires_at, w.burst_id, w.input
     from ${db.schema}.work w where ${condition}`,
    values,
  );
  const row = rows[0];
  if (row === undefined) {
    throw new WorkNotFoundError(id);
  }
  return {
    ...listedUnit(row),
    epoch: String(row.epoch),
    failures: row.failures,
    priority: row.priority,
    notBefore: row.not_before,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.burst_id === null ? {} : { burstId: row.burst_id }),
    ...(row.input === null ? {} : { input: row.input }),
  };
}
