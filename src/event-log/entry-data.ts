/**
 * Entries as logs keep them: `type` and metadata beside the data, which is JSON text. Stored by value, whatever the store.
 *
 * What JSON would lose or change is refused, so that an entry is read back as it was written.
 */
import { InvalidInputError, TidemarkError } from '../errors.ts';
import { jsonProblem } from '../snapshots/json-value.ts';
import { utf8Length } from '../utf8-length.ts';
import { checkBlobId, checkEntryType, checkWorkflowId } from './check-names.ts';
import type { BlobId, LogEntry, LogMetadata, SequenceId, WorkflowId } from './event-log.ts';

/** 1 MB of serialized data. */
export const MAX_ENTRY_BYTES = 1_048_576;
/** What one statement to the database carries at most, in characters. */
const MAX_BATCH_LENGTH = 64 * MAX_ENTRY_BYTES;
/** Postgres refuses JSON that is nested some thousand deep. */
const MAX_DEPTH = 1_000;

export interface EntryText {
  type: string;
  /** A JSON object: all fields but type and metadata. */
  data: string;
  snapshot?: BlobId | undefined;
  history?: BlobId | undefined;
  pending?: WorkflowId | undefined;
}

/** @throws InvalidInputError */
export function encodeEntries(entries: readonly LogEntry[]): EntryText[] {
  if (!Array.isArray(entries)) {
    throw new InvalidInputError(`Entries are given as an array, not as ${typeof entries}.`);
  }
  let length = 0;
  return entries.map((entry, index) => {
    const encoded = encodeEntry(entry, entries.length === 1 ? 'The entry' : `Entry ${index} of ${entries.length}`);
    length += encoded.data.length;
    if (length > MAX_BATCH_LENGTH) {
      throw new InvalidInputError(
        `These ${entries.length} entries are over ${MAX_BATCH_LENGTH} characters of JSON together, the most that one call takes. Add them in smaller batches.`,
      );
    }
    return encoded;
  });
}

function encodeEntry(entry: LogEntry, named: string): EntryText {
  const prototype: unknown = typeof entry === 'object' && entry !== null ? Object.getPrototypeOf(entry) : undefined;
  if (prototype !== Object.prototype && prototype !== null) {
    throw new InvalidInputError(`${named} is not a plain object with a type.`);
  }
  const { type, snapshot, history, pending, ...fields } = entry;
  checkEntryType(type);
  const data = encodeData(fields, `${named} ('${type}')`);
  return { type, data, ...checkMetadata({ snapshot, history, pending }) };
}

function encodeData(fields: Record<string, unknown>, named: string): string {
  let problem: string | undefined;
  try {
    problem = jsonProblem(fields);
  } catch (error) {
    if (!(error instanceof RangeError)) {
      throw error;
    }
    throw new InvalidInputError(`${named} refers to itself or is nested too deep: use at most ${MAX_DEPTH} levels.`);
  }
  if (problem !== undefined) {
    throw new InvalidInputError(`${named} holds ${problem}, which JSON does not keep. Use text or a finite number for it.`);
  }
  const data = JSON.stringify(fields);
  if (data.length > 2 * MAX_DEPTH && isDeeper(fields, MAX_DEPTH)) {
    throw new InvalidInputError(`${named} is nested too deep: use at most ${MAX_DEPTH} levels.`);
  }
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  const bytes = data.length * 3 <= MAX_ENTRY_BYTES ? 0 : utf8Length(data);
  if (bytes > MAX_ENTRY_BYTES) {
    throw new InvalidInputError(
      `${named} is ${bytes} bytes of JSON; at most ${MAX_ENTRY_BYTES} (1 MB) fit. Split it into several entries.`,
    );
  }
  return data;
}

function isDeeper(value: unknown, levels: number): boolean {
  return typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1)));
}

/**
 * Own keys of snapshot, history and pending alone; a key whose value is undefined stays, with that value.
 * @throws InvalidInputError
 */
export function ownMetadata(metadata: LogMetadata): LogMetadata {
  if (typeof metadata !== 'object' || metadata === null) {
    throw new InvalidInputError(
      `Metadata is given as an object with snapshot, history or pending, not as ${metadata === null ? 'null' : typeof metadata}.`,
    );
  }
  const own: LogMetadata = {};
  for (const key of ['snapshot', 'history', 'pending'] as const) {
    if (Object.hasOwn(metadata, key)) {
      own[key] = metadata[key];
    }
  }
  checkMetadata(own);
  return own;
}

/**
 * @returns what is defined of it
 * @throws InvalidInputError
 */
export function checkMetadata(metadata: LogMetadata): LogMetadata {
  const { snapshot, history, pending } = metadata;
  if (snapshot !== undefined) {
    checkBlobId(snapshot);
  }
  if (history !== undefined) {
    checkBlobId(history);
  }
  if (pending !== undefined) {
    checkWorkflowId(pending);
  }
  return metadataIn(metadata) ?? {};
}

/** What is defined of an entry's metadata; undefined where nothing is. */
export function metadataIn({ snapshot, history, pending }: LogMetadata): LogMetadata | undefined {
  if (snapshot === undefined && history === undefined && pending === undefined) {
    return undefined;
  }
  return {
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(history === undefined ? {} : { history }),
    ...(pending === undefined ? {} : { pending }),
  };
}

/**
 * @param data parsed already
 * @throws TidemarkError `corrupt_entry` for data that another program has stored and that is no object
 */
export function decodeEntry<T extends LogEntry>(start: SequenceId, index: number, type: string, data: unknown, metadata?: LogMetadata): T {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new TidemarkError('corrupt_entry', `The data of entry ${start + BigInt(index)} is no JSON object. Correct it in the database.`);
  }
  const entry: LogEntry = metadata ? { type, ...data, ...metadata } : { type, ...data };
  // Also where another program has stored a field of that name.
  entry.type = type;
  return entry as T;
}
