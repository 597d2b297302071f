/**
 * A user's own work on a log entry: an entry with `pending: 'x'` is handled by the entry work named 'x'.
 */

import { checkOptionNames, type OptionNames } from '../check-option-names.ts';
import { InvalidInputError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { UnitHandler } from '../work/unit.ts';
import { asWrittenToday } from './as-written-today.ts';
import type { BlobId, LogEntry, SequenceId } from './event-log.ts';
import type { LogType } from './log-type.ts';
import type { Provenance } from './provenance.ts';
import { readEntry } from './read-entry.ts';

export interface EntryWorkInput<EntryT extends LogEntry = LogEntry> extends Provenance {
  entry: EntryT;
  logId: string;
  sequenceId: SequenceId;
}

export interface EntryWorkContext {
  /** Statements here commit together with the clearing of `pending`, or not at all. */
  db: Queryable;
  /** Aborted at the deadline, on shutdown, or when another attempt has taken over. */
  signal: AbortSignal;
  /** Kept for a later attempt, and shown. */
  progress(value: unknown): Promise<void>;
  /** What an earlier attempt recorded. */
  lastProgress: unknown;
  attempt: number;
}

export interface EntryWork<EntryT extends LogEntry = LogEntry> {
  /** Lower case: what stands in `pending`. */
  readonly name: string;
  /** Of the entries it handles: types `entry`, and gives it as it would be written today. Work on another type's entry is dead. */
  // biome-ignore lint/suspicious/noExplicitAny: the state plays no part
  readonly logType?: LogType<EntryT, any>;
  /** Runs in a heartbeating activity: for work of more than a few seconds. Default false. */
  readonly long?: boolean;
  /** How long one attempt may go without an end or progress, in ms. Default 10,000; long ones get at least 15 minutes. */
  readonly deadlineMs?: number;
  /** Attempts that end in the handler's own error before the unit is dead. Default 5. Infrastructure errors never count. */
  readonly maxAttempts?: number;
  /** Runs at least once; what it writes through `db`, and what it returns, takes effect once. */
  handler(
    input: EntryWorkInput<EntryT>,
    context: EntryWorkContext,
    // biome-ignore lint/suspicious/noConfusingVoidType: a handler may return nothing
  ): Promise<{ result?: unknown; snapshot?: BlobId; history?: BlobId } | void>;
}

/**
 * @example defineEntryWork({ name: 'send-invoice', handler: async ({ entry }, { db }) => { … } })
 * @throws InvalidInputError naming the option and its limits
 */
export function defineEntryWork<EntryT extends LogEntry = LogEntry>(work: EntryWork<EntryT>): EntryWork {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(work.name) || RESERVED.has(work.name)) {
    throw new InvalidInputError(
      `'${work.name}' cannot name entry work: use 1 to 63 of a-z, 0-9 and -, starting with a letter; ${[...RESERVED].join(', ')} are taken.`,
    );
  }
  checkOptionNames(`entry work '${work.name}'`, work, OPTIONS);
  if (typeof work.handler !== 'function') {
    throw new InvalidInputError(`Entry work '${work.name}' has no handler. Give it a function of an entry and a context.`);
  }
  for (const option of ['deadlineMs', 'maxAttempts'] as const) {
    const value = work[option];
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= MAX_INTEGER)) {
      throw new InvalidInputError(
        `${option} ${value} of entry work '${work.name}' is not an integer from 1 to ${MAX_INTEGER}. Leave it out for the default.`,
      );
    }
  }
  return work as unknown as EntryWork;
}

const RESERVED = new Set(['snapshot', 'compact', 'erase', 'burst', 'job', 'scheduled']);
const OPTIONS = {
  name: true,
  logType: true,
  long: true,
  deadlineMs: true,
  maxAttempts: true,
  handler: true,
} as const satisfies OptionNames<EntryWork>;
/** Of a timer, and of the column. */
const MAX_INTEGER = 2 ** 31 - 1;

export function entryWorkHandler(work: EntryWork, { pool, schema }: HandlerDependencies): UnitHandler {
  return {
    workflow: work.name,
    ...(work.long ? { long: true } : {}),
    deadlineMs: work.deadlineMs ?? DEFAULT_DEADLINE_MS,
    maxAttempts: work.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    async run(unit, context) {
      const { logId, sequenceId } = unit.entry as { logId: string; sequenceId: SequenceId };
      const entry = await readEntry(inSchema(pool, schema), logId, sequenceId);
      // Gone or cleared by someone else: nothing is left to do for it.
      if (entry?.pending !== work.name) {
        return {};
      }
      const { actor, correlationId, causationId, attempt, progress } = unit;
      const { db, signal, recordProgress } = context;
      return callEntryWork(
        work,
        unit.group, // of a log: its type
        { entry, logId, sequenceId, actor, correlationId, causationId },
        { db, signal, attempt, lastProgress: progress, progress: recordProgress },
      );
    },
  };
}

const DEFAULT_DEADLINE_MS = 10_000;
export const DEFAULT_MAX_ATTEMPTS = 5;

/** @throws InvalidInputError for an entry of another log type than the work is for; what the handler throws */
export async function callEntryWork(
  work: EntryWork,
  logType: string,
  input: EntryWorkInput,
  context: EntryWorkContext,
): Promise<{ result?: unknown; snapshot?: BlobId; history?: BlobId }> {
  if (work.logType && work.logType.type !== logType) {
    throw new InvalidInputError(
      `'${work.name}' is for entries of log type '${work.logType.type}'; log '${input.logId}' is of type '${logType}'.`,
    );
  }
  const entry = work.logType ? asWrittenToday(work.logType, input.entry) : input.entry;
  return (await work.handler({ ...input, entry }, context)) ?? {};
}
