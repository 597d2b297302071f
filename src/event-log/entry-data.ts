/**
 * An entry taken apart for storing and put together again: `type` and the metadata are columns, every other field is its data.
 * Entries are stored by value, as JSON text.
 */
import { errorMessage, InvalidInputError } from '../errors.ts';
import type { LogEntry, LogMetadata } from './event-log.ts';
import { checkWorkflowName } from './names.ts';

export const MAX_ENTRY_BYTES = 1024 * 1024;

export interface StoredEntry {
  type: string;
  /** JSON object with the entry's own fields. */
  data: string;
  snapshot: string | null;
  history: string | null;
  pending: string | null;
}

/** @throws InvalidInputError for an entry that is no JSON object with a type, or is over 1 MB */
export function splitEntry(entry: LogEntry): StoredEntry {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry) || typeof entry.type !== 'string' || entry.type === '') {
    throw new InvalidInputError('An entry is an object with a non-empty string type.');
  }
  const { type, snapshot, history, pending, ...own } = entry;
  let data: string;
  try {
    data = JSON.stringify(own);
  } catch (error) {
    throw new InvalidInputError(
      `Entry of type '${type}' cannot be written as JSON (${errorMessage(error)}). Use strings for bigints and dates.`,
      {
        cause: error,
      },
    );
  }
  const bytes = data.length > MAX_ENTRY_BYTES ? data.length : data.length * 3 > MAX_ENTRY_BYTES ? Buffer.byteLength(data) : 0;
  if (bytes > MAX_ENTRY_BYTES) {
    throw new InvalidInputError(
      `Entry of type '${type}' has ${bytes} bytes; the limit is ${MAX_ENTRY_BYTES}. Split it, or put what is large into a blob and its id into the entry.`,
    );
  }
  return {
    type,
    data,
    snapshot: snapshot ?? null,
    history: history ?? null,
    pending: pending === undefined || pending === null ? null : checkWorkflowName(pending),
  };
}

/** The metadata that is there, without keys for what is not. */
export function metadataOf(row: { snapshot: string | null; history: string | null; pending: string | null }): LogMetadata {
  return {
    ...(row.snapshot === null ? {} : { snapshot: row.snapshot }),
    ...(row.history === null ? {} : { history: row.history }),
    ...(row.pending === null ? {} : { pending: row.pending }),
  };
}
