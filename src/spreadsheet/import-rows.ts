/**
 * Imports rows of a file into a sheet, from its top left cell on, in entries of some rows each.
 *
 * It can be killed at any moment and called again: the rows that are in the sheet are known from it, checked against the file, and left out.
 * Others may write to the sheet meanwhile. A file that is wrong halfway leaves whole entries behind, and the error says how many rows they are.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { ConflictError, InvalidInputError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { readState } from '../snapshots/read-state.ts';
import type { SheetEntry } from './entries.ts';
import type { ImportReport, ReportInMaking } from './import-report.ts';
import type { SheetLog } from './open-sheet.ts';
import { type FileRow, rowBatches } from './row-batches.ts';
import { sheet } from './sheet.ts';

export interface ImportProgress {
  /** Rows of the file that are in the sheet, those of earlier calls included. */
  rows: number;
  /** Bytes of the file up to there. */
  bytes: number;
  totalBytes?: number;
  /** Entries appended by this call. */
  entries: number;
}

export interface ImportValue extends ImportReport {
  /** Rows of the file; all are in the sheet. */
  rows: number;
  /** Rows that were in the sheet before this call. */
  rowsBefore: number;
  entries: number;
  /** Where the log ended after the last append. */
  sequenceId: SequenceId;
}

/** What an import takes, whatever it reads. */
export interface ImportOptions {
  log: SheetLog;
  /** The directory of this log's blobs. */
  blobs: BlobDir;
  /** Rows per entry at most; an entry also ends at about 128 KB. Default 500. */
  rowsPerEntry?: number | undefined;
  /** Entries per append, which are all in the sheet or none. Default 10. */
  entriesPerAppend?: number | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
  /** After each append. */
  onProgress?: ((progress: ImportProgress) => void) | undefined;
}

export interface RowSource<RecordT> {
  /** Of the import within the sheet, and for messages. */
  name: string;
  records: AsyncIterable<RecordT>;
  rowOf: (record: RecordT, index: number) => FileRow;
  report: ReportInMaking;
  totalBytes?: number | undefined;
}

/** @throws InvalidInputError of the source, for an empty or another file, and for a sheet with other cells in it; the signal's reason */
export async function importRows<RecordT>(source: RowSource<RecordT>, options: ImportOptions): Promise<ImportValue> {
  const { name, records, rowOf, report, totalBytes } = source;
  const { log, blobs, cache, signal, onProgress, entriesPerAppend = 10, rowsPerEntry = 500 } = options;
  const { state, sequenceId } = await readState({ log, blobs, logType: sheet, cache, signal });
  const done = state.imports.get(name);
  if (done === undefined && (state.base.totals.tiles > 0 || state.overlay.tiles.size > 0)) {
    throw new InvalidInputError(`The sheet has cells that are not from an import of '${name}'. Import it into a new sheet.`);
  }
  const result = { rows: done?.rows ?? 0, rowsBefore: done?.rows ?? 0, entries: 0, sequenceId };
  let pending: SheetEntry[] = [];
  let seen = { rows: result.rows, bytes: 0 };

  let writing: Promise<void> = Promise.resolve();

  /** Begins to write once what was begun before is in the sheet: the next rows are read meanwhile. */
  async function append(): Promise<void> {
    await writing;
    signal?.throwIfAborted();
    writing = write(pending, seen);
    writing.catch(() => {}); // awaited later
    pending = [];
  }

  async function write(entries: readonly SheetEntry[], upTo: typeof seen): Promise<void> {
    result.sequenceId = await appendAt(log, entries, result.sequenceId);
    result.entries += entries.length;
    result.rows = upTo.rows;
    onProgress?.({ ...upTo, entries: result.entries, ...(totalBytes === undefined ? {} : { totalBytes }) });
  }

  try {
    for await (const batch of rowBatches(records, rowOf, { name, rowsPerEntry, done })) {
      signal?.throwIfAborted();
      pending.push(...batch.entries);
      seen = { rows: batch.rows, bytes: batch.bytes };
      if (pending.length >= entriesPerAppend) {
        await append();
      }
    }
  } catch (error) {
    await writing;
    throw error instanceof InvalidInputError ? howFar(error, result.rows) : error;
  }
  if (pending.length > 0) {
    await append();
  }
  await writing;
  if (result.rows === 0) {
    throw new InvalidInputError(`'${name}' is empty: there is nothing to import.`);
  }
  return { ...result, rows: seen.rows, ...report.finish() };
}

/** Wherever the log ends by now: the entries say themselves where their cells go. */
async function appendAt(log: SheetLog, entries: readonly SheetEntry[], sequenceId: SequenceId): Promise<SequenceId> {
  for (let at = sequenceId; ; ) {
    try {
      return (await log.addEntries(entries, at)).nextSequenceId;
    } catch (error) {
      if (!(error instanceof ConflictError)) {
        throw error;
      }
      at = error.nextSequenceId;
    }
  }
}

function howFar(error: InvalidInputError, rows: number): InvalidInputError {
  const where =
    rows === 0 ? 'Nothing was imported.' : `${rows} rows are in the sheet; correct the file and import it again to go on after them.`;
  return new InvalidInputError(`${error.message} ${where}`, { cause: error });
}
