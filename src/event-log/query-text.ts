/**
 * Pages of a log as JSON text, for those who only pass them on: what is stored as text is neither parsed nor copied field by field. For 10,000
 * small entries that is 2 ms, where making objects of them and text again takes 25.
 */
import type { Database } from '../postgres/queryable.ts';
import { entryText } from './entry-text.ts';
import type { LogMetadata, SequenceId, SnapshotValue } from './event-log.ts';
import { createPageReader, type Page, type PageRange } from './page-reader.ts';
import { TYPE_SEPARATOR } from './page-statement.ts';
import { decodeMetadata, typesOf } from './query.ts';

export interface EntriesText {
  startSequenceId: SequenceId;
  endSequenceId: SequenceId;
  isComplete: boolean;
  lastSnapshot?: SnapshotValue;
  /** Of each entry. */
  entries: string[];
  /** By the index of the entry; only of those that have some. */
  metadata: ReadonlyMap<number, LogMetadata>;
  /** A JSON array: `{ actor?, correlationId?, causationId?, committedAt }` of each entry. Where it was asked for. */
  provenance?: string;
}

export interface EntriesTextOptions {
  logId: string;
  pageSize: number;
  withProvenance: boolean;
  /** Default 16 MB; a single entry may be more. */
  maxBytes?: number;
}

/** @throws LogNotFoundError, SequenceRangeError, InvalidInputError */
export function createEntryTextQuery(options: EntriesTextOptions): (db: Database, range: PageRange) => Promise<EntriesText> {
  const readPage = createPageReader({ ...options, asText: true });
  return async (db, range) => {
    const page = await readPage(db, range);
    const { startSequenceId, logEnd, lastSnapshot } = page;
    const metadata = decodeMetadata(page.metadata);
    const entries = textsOf(page, metadata);
    const endSequenceId = startSequenceId + BigInt(entries.length);
    return {
      startSequenceId,
      endSequenceId,
      isComplete: endSequenceId >= (range.end === 'end' || range.end > logEnd ? logEnd : range.end),
      ...(lastSnapshot ? { lastSnapshot } : {}),
      entries,
      metadata,
      ...(options.withProvenance ? { provenance: page.provenance ?? '[]' } : {}),
    };
  };
}

function textsOf({ startSequenceId: start, data, types }: Page, metadata: EntriesText['metadata']): string[] {
  if (data === null || types === null) {
    return [];
  }
  const texts = data.split(TYPE_SEPARATOR);
  const names = typesOf(start, types, texts.length);
  return texts.map((text, index) => entryText(start, index, names[index] as string, text, metadata.get(index)));
}
