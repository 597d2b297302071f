/**
 * A user's own work on a log entry: an entry with `pending: 'x'` is handled by the entry work named 'x'.
 */

import { InvalidInputError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { UnitHandler } from '../work/unit.ts';
import type { BlobId, LogEntry, SequenceId } from './event-log.ts';
import { readEntry } from './read-entry.ts';

export interface EntryWorkInput<EntryT extends LogEntry = LogEntry> {
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

/** @example defineEntryWork({ name: 'send-invoice', handler: async ({ entry }, { db }) => { … } }) */
export function defineEntryWork<EntryT extends LogEntry = LogEntry>(work: EntryWork<EntryT>): EntryWork {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(work.name) || RESERVED.has(work.name)) {
    throw new InvalidInputError(
      `'${work.name}' cannot name entry work: use 1 to 63 of a-z, 0-9 and -, starting with a letter; ${[...RESERVED].join(', ')} are taken.`,
    );
  }
  return work as unknown as EntryWork;
}

const RESERVED = new Set(['snapshot', 'compact', 'burst']);

export function entryWorkHandler(work: EntryWork, { pool, schema }: HandlerDependencies): UnitHandler {
  return {
    workflow: work.name,
    ...(work.long ? { long: true } : {}),
    deadlineMs: work.deadlineMs ?? 10_000,
    maxAttempts: work.maxAttempts ?? 5,
    async run(unit, context) {
      const { logId, sequenceId } = unit.entry as { logId: string; sequenceId: SequenceId };
      const entry = await readEntry(inSchema(pool, schema), logId, sequenceId);
      // Gone or cleared by someone else: nothing is left to do for it.
      if (entry?.pending !== work.name) {
        return {};
      }
      return (
        (await work.handler(
          { entry, logId, sequenceId },
          {
            db: context.db,
            signal: context.signal,
            progress: context.recordProgress,
            lastProgress: unit.progress,
            attempt: unit.attempt,
          },
        )) ?? {}
      );
    },
  };
}
