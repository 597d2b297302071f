/** A unit of work as a person looks at it. */
import { SHOWN_STATE_SQL, type ShownState } from './select.ts';

export interface ListedUnit {
  id: string;
  workflow: string;
  state: ShownState;
  group: string;
  /** The log entry that asked for it, where one did; the sequence id as a decimal string. */
  entry?: { logId: string; sequenceId: string };
  orderingKey?: string;
  attempt: number;
  /** Workflow id of its execution in Temporal: of its own, or of its burst; absent before its first claim. */
  execution?: string;
  error?: { code: string; message: string; stack?: string };
  /** While dead: the same for errors that differ only in what they name. */
  fingerprint?: string;
  progress?: unknown;
  result?: unknown;
  actor?: string;
  correlationId?: string;
  causationId?: string;
  createdAt: Date;
  begunAt?: Date;
  finishedAt?: Date;
}

/** Of the work row `w`. */
export const UNIT_COLUMNS = `w.id, w.workflow, ${SHOWN_STATE_SQL} as state, w.group_name, w.log_id, w.sequence_id, w.ordering_key, w.attempt,
  w.execution, w.error, w.error_fingerprint, w.progress, w.result, w.actor, w.correlation_id, w.causation_id,
  w.created_at, w.begun_at, w.finished_at, w.created_at::text as created_at_text`;

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
export function listedUnit(row: any): ListedUnit {
  const optional = {
    entry: row.log_id === null ? null : { logId: row.log_id, sequenceId: String(row.sequence_id) },
    orderingKey: row.ordering_key,
    // Of a process that runs what it enqueues, it is none of Temporal's.
    execution: row.execution?.startsWith('inline/') ? null : row.execution,
    error: row.error,
    fingerprint: row.error_fingerprint,
    progress: row.progress,
    result: row.result,
    actor: row.actor,
    correlationId: row.correlation_id,
    causationId: row.causation_id,
    begunAt: row.begun_at,
    finishedAt: row.finished_at,
  };
  return {
    id: row.id,
    workflow: row.workflow,
    state: row.state,
    group: row.group_name,
    attempt: row.attempt,
    createdAt: row.created_at,
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)) as Partial<ListedUnit>),
  };
}
