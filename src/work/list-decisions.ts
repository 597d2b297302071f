import type { Database } from '../postgres/queryable.ts';

/** What a person decided about a unit that was dead. */
export interface WorkDecision {
  decision: 'redrive' | 'discard';
  decidedAt: Date;
  /** Of a redrive that was spread over time: not before. */
  notBefore?: Date;
  /** Of the error that it was dead of. */
  code: string;
  fingerprint?: string;
  actor?: string;
  correlationId?: string;
}

/** Of the last 90 days, newest first; at most 100. */
export async function listDecisions(db: Database, workId: string): Promise<WorkDecision[]> {
  const { rows } = await db.query(
    `select decision, decided_at, not_before, error_code, error_fingerprint, actor, correlation_id
     from ${db.schema}.work_decision where work_id = $1::text order by id desc limit 100`,
    [workId],
  );
  return rows.map((row) => ({
    decision: row.decision,
    decidedAt: row.decided_at,
    code: row.error_code,
    ...(row.not_before === null ? {} : { notBefore: row.not_before }),
    ...(row.error_fingerprint === null ? {} : { fingerprint: row.error_fingerprint }),
    ...(row.actor === null ? {} : { actor: row.actor }),
    ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }),
  }));
}
