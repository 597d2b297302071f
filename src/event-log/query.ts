import { TidemarkError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { decodeEntry } from './entry-data.ts';
import type { EventLog, LogEntry, LogMetadata, QueryValue, SequenceId } from './event-log.ts';
import { createPageReader, type Page } from './page-reader.ts';
import { TYPE_SEPARATOR } from './page-statement.ts';

export type EntryQuery<T extends LogEntry> = (db: Database, ...range: Parameters<EventLog<T>['query']>) => Promise<QueryValue<T>>;

/**
 * Reads pages of a log as `createPageReader` does, and their entries as objects.
 * @throws LogNotFoundError, SequenceRangeError, InvalidInputError
 */
export function createEntryQuery<T extends LogEntry>({ logId, pageSize }: { logId: string; pageSize: number }): EntryQuery<T> {
  const readPage = createPageReader({ logId, pageSize });

  return async function queryEntries(db, start, end, snapshotId) {
    const page = await readPage(db, { start, end, snapshotId });
    const { startSequenceId, logEnd, lastSnapshot } = page;
    const entries = decodePage<T>(page);
    const endSequenceId = startSequenceId + BigInt(entries.length);
    return {
      startSequenceId,
      endSequenceId,
      isComplete: endSequenceId >= (end === 'end' || end > logEnd ? logEnd : end),
      ...(lastSnapshot ? { lastSnapshot } : {}),
      entries,
    };
  };
}

type MetadataRow = [index: number, snapshot: string | null, history: string | null, pending: string | null];

function decodePage<T extends LogEntry>({ startSequenceId: start, data, types, metadata }: Page): T[] {
  if (data === null || types === null) {
    return [];
  }
  const values = JSON.parse(`[${data}]`) as unknown[];
  const names = typesOf(start, types, values.length);
  const metadataAt = decodeMetadata(metadata);
  return values.map((value, index) => decodeEntry<T>(start, index, names[index] as string, value, metadataAt.get(index)));
}

/** @throws TidemarkError `corrupt_entry` */
export function typesOf(start: SequenceId, types: string, count: number): string[] {
  const names = types.split(TYPE_SEPARATOR);
  if (names.length !== count) {
    throw new TidemarkError('corrupt_entry', `An entry from ${start} on has a type with a control character. Correct it in the database.`);
  }
  return names;
}

/** By the index in the page; only of entries that have some. */
export function decodeMetadata(metadata: string | null): ReadonlyMap<number, LogMetadata> {
  const marked = metadata === null ? [] : (JSON.parse(metadata) as MetadataRow[]);
  return new Map(marked.map(([index, ...fields]) => [index, metadataOf(...fields)]));
}

function metadataOf(snapshot: string | null, history: string | null, pending: string | null): LogMetadata {
  return {
    ...(snapshot === null ? {} : { snapshot }),
    ...(history === null ? {} : { history }),
    ...(pending === null ? {} : { pending }),
  };
}
