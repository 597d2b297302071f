import type { Database } from '../postgres/queryable.ts';
import { compareIds, type WorkFilter, type WorkView } from './work-view.ts';

/** Every unit of the table that matches, finished ones too as far as retention keeps them. */
export async function readWork(db: Database, filter: WorkFilter = {}): Promise<WorkView[]> {
  const { rows } = await db.query(
    `select id, workflow, state, attempt, log_id, sequence_id, group_name, progress, result, error, actor, correlation_id, causation_id
     from ${db.schema}.work
     where ($1::text is null or id = $1) and ($2::text is null or log_id = $2) and ($3::bigint is null or sequence_id = $3)
       and ($4::text is null or workflow = $4) and ($5::text is null or group_name = $5)`,
    [filter.id ?? null, filter.log ?? null, filter.sequenceId?.toString() ?? null, filter.workflow ?? null, filter.group ?? null],
  );
  return rows.map(viewOfRow).sort((a, b) => compareIds(a.id, b.id));
}

/**
 * Units that run, or could run now. One whose time has not come counts as idle, and so does one that waits behind its key: the unit
 * before it is in here, or is dead and blocks the key.
 */
export async function readLiveWork(db: Database): Promise<WorkView[]> {
  const { rows } = await db.query(
    `select id, workflow, state, attempt, log_id, sequence_id, group_name, progress, result, error, actor, correlation_id, causation_id
     from ${db.schema}.work
     where state in ('claimed', 'started') or (state = 'ready' and not_before <= clock_timestamp())`,
  );
  return rows.map(viewOfRow).sort((a, b) => compareIds(a.id, b.id));
}

// biome-ignore lint/suspicious/noExplicitAny: a row as the driver returns it
function viewOfRow(row: any): WorkView {
  return {
    id: row.id,
    workflow: row.workflow,
    state: row.state,
    attempt: row.attempt,
    ...(row.log_id === null ? {} : { log: row.log_id, sequenceId: BigInt(row.sequence_id) }),
    group: row.group_name,
    progress: row.progress,
    result: row.result,
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.actor === null ? {} : { actor: row.actor }),
    ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }),
    ...(row.causation_id === null ? {} : { causationId: row.causation_id }),
  };
}
