/**
 * A unit of work as its worker sees it, and what carries it out.
 *
 * A unit is one row of `work`. Whoever begins it gets a fence; finishing, failing, releasing and reporting progress carry
 * (epoch, attempt, fence), so of two attempts that overlap only the last one counts.
 */
import type { BlobId, SequenceId } from '../event-log/event-log.ts';
import type { Queryable } from '../postgres/queryable.ts';

export type WorkState = 'waiting' | 'ready' | 'claimed' | 'started' | 'done' | 'dead' | 'cancelled' | 'expired';

export interface Unit {
  id: string;
  epoch: number;
  attempt: number;
  /** Attempts that ended in an error of the handler's own. */
  failures: number;
  fence: string;
  workflow: string;
  group: string;
  state: WorkState;
  /** The log entry that asked for it, where one did. */
  entry?: { logId: string; sequenceId: SequenceId };
  input: unknown;
  /** What an earlier attempt recorded to go on from. */
  progress: unknown;
  /** It has an ordering key: its end is also that of its turn. */
  hasKey?: boolean;
  /** When it began, blobs of its log were marked as garbage: see garbage/blobs-to-write.ts. */
  hasGarbage?: boolean;
  actor?: string;
  correlationId?: string;
  causationId?: string;
}

export interface UnitContext {
  /** Aborted when the attempt is cancelled, fenced off or past its deadline. */
  signal: AbortSignal;
  /** The time after which a unit that can go on elsewhere should return 'long', in ms of Date.now(); absent: no limit. */
  yieldAt?: number;
  /** Statements here commit together with the unit's end, or not at all. */
  db: Queryable;
  /** Kept in the row for a later attempt, and shown. @throws FencedError when another attempt has taken over */
  recordProgress(progress: unknown): Promise<void>;
  /** It got further, and that is kept elsewhere: the deadline counts from here. */
  extend(): void;
}

/** What units that run together have. */
export interface BatchUnitContext {
  /** Aborted when the attempt is cancelled or past its deadline. */
  signal: AbortSignal;
  /** Statements here commit together with the ends of the units that did not fail, or not at all. */
  db: Queryable;
  /** The deadline counts from here. @throws FencedError when another attempt has taken over */
  extend(): Promise<void>;
}

/** Units of one group that run together. */
export interface UnitBatch {
  /** At most so many. */
  readonly max: number;
  /**
   * What it throws is the batch's: all units go on alone, and none has failed by it.
   * @returns the units that failed by themselves, and with what
   */
  run(units: readonly Unit[], context: BatchUnitContext): Promise<ReadonlyMap<Unit, unknown>>;
}

/** What finishing records: a JSON result (at most 256 KB), and for entry work the entry's new blobs. */
export interface UnitOutcome {
  result?: unknown;
  snapshot?: BlobId;
  history?: BlobId;
}

/** What the handler says of an error: it counts as the handler's own, unless it is an outage. */
export interface ErrorVerdict {
  /** It says nothing of the unit: something that it needs does not answer. Never counted. */
  outage?: boolean;
  /** Gives up at once, whatever attempts are left. */
  fatal?: boolean;
  /** The attempt is no failed one: it is not counted, and its error not kept. Needs `retryInMs`. */
  gotFurther?: boolean;
  /** The unit is claimable again after so long, in a new execution; absent: its execution waits and tries again. */
  retryInMs?: number;
}

export interface UnitHandler {
  /** Registered name. */
  readonly workflow: string;
  /** Units of this group alone; absent: all of the workflow. The second part of their ids. */
  readonly group?: string;
  /** Runs in a heartbeating activity from the start. Others move there once they have run for a minute. */
  readonly long?: boolean;
  /**
   * How long one attempt may go without an end or progress before it is aborted, in ms. Long ones get at least 15 minutes; in a burst a unit gets
   * 5 seconds at most, and a long one leaves it.
   */
  readonly deadlineMs: number;
  /** `deadlineMs` is exact wherever the unit runs, and a long one too is carried out where it is in a burst. */
  readonly strictDeadline?: boolean;
  /** While it runs it may be cancelled: its attempt is told. */
  readonly cancellable?: boolean;
  /** Attempts that end in an error of the handler itself before the unit is dead; infrastructure errors never count. */
  readonly maxAttempts: number;
  /** Must be safe to run again from the start. 'long': go on from the recorded progress in a heartbeating activity. */
  run(unit: Unit, context: UnitContext): Promise<UnitOutcome | 'long'>;
  /** What `run` needs of these units, got at once; it gets it itself for others. Of a burst's, before they run. */
  prepare?(units: readonly Unit[]): Promise<void>;
  /** Runs those of one burst together; `run` is then for one that has left its batch. */
  readonly batch?: UnitBatch;
  /** Asked before what an error is by itself; undefined: that. */
  onError?(error: unknown, unit: Unit): ErrorVerdict | undefined;
}

/** Finds the handler of a unit by its id. */
export type HandlerOf = (workId: string) => UnitHandler | undefined;

export function findHandlers(handlers: readonly UnitHandler[]): HandlerOf {
  const byPrefix = new Map(handlers.map((handler) => [handler.group ? `${handler.workflow}/${handler.group}` : handler.workflow, handler]));
  return (workId) => {
    const workflowEnd = workId.indexOf('/');
    const groupEnd = workId.indexOf('/', workflowEnd + 1);
    const upTo = (end: number) => byPrefix.get(end < 0 ? workId : workId.slice(0, end));
    return upTo(groupEnd) ?? upTo(workflowEnd);
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
export function unitFromRow(row: any): Unit {
  const unit: Unit = {
    id: row.id,
    epoch: Number(row.epoch),
    attempt: row.attempt,
    failures: row.failures,
    fence: row.fence,
    workflow: row.workflow,
    group: row.group_name,
    state: row.state,
    input: row.input,
    progress: row.progress,
  };
  if (row.log_id !== null) unit.entry = { logId: row.log_id, sequenceId: BigInt(row.sequence_id) };
  if (row.has_key) unit.hasKey = true;
  if (row.has_garbage) unit.hasGarbage = true;
  if (row.actor !== null) unit.actor = row.actor;
  if (row.correlation_id !== null) unit.correlationId = row.correlation_id;
  if (row.causation_id !== null) unit.causationId = row.causation_id;
  return unit;
}
