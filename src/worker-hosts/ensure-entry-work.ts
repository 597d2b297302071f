import type { Database } from '../postgres/queryable.ts';
import type { PendingWorkflowMessage } from './worker-host.ts';

/**
 * Gives an entry that is pending its unit of work where it has none, or only a finished one. A dead one stays dead.
 * One statement, in the lock order of all of them: the entry, then (in add_work) its key, then its unit. Whoever clears `pending` at the
 * same time is waited for, and then there is nothing to add.
 * @returns whether the unit is there and alive
 * @throws the driver's error with SQLSTATE TM001 for a workflow that is not registered
 */
export async function ensureEntryWork(db: Database, { logId, sequenceId, workflow }: PendingWorkflowMessage): Promise<boolean> {
  const { rows } = await db.query(
    `with entry as materialized (
       select e.pending || '/' || e.log_id || '/' || e.sequence_id as id, e.pending, e.log_id, e.sequence_id, l.type,
         e.actor, e.correlation_id, e.causation_id
       from ${db.schema}.entries e join ${db.schema}.logs l on l.id = e.log_id
       where e.log_id = $1::text and e.sequence_id = $2::bigint and e.pending = $3::text
       for update of e
     )
     select ${db.schema}.add_work(
       entry.id, entry.pending, entry.type, entry.log_id, entry.log_id, entry.sequence_id,
       p_actor => entry.actor, p_correlation_id => entry.correlation_id, p_causation_id => entry.causation_id)
     from entry
     where not exists (select 1 from ${db.schema}.work w where w.id = entry.id and w.state = 'dead')`,
    [logId, sequenceId.toString(), workflow],
  );
  return rows.length > 0;
}
