/**
 * A read-only view of a sheet: its newest snapshot with the entries since on top.
 *
 * Only the tiles that a read touches are fetched, so a viewport of a large sheet costs what one of a small sheet costs. A view stays at its
 * sequence id until `refresh`. Behind a truncated log it opens again from the snapshot. Errors are those of the log and the blob store,
 * CorruptBlobError for a bad blob, HistoryGoneError where no snapshot stands for truncated entries.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { InvalidInputError, SequenceRangeError } from '../errors.ts';
import type { EventLog, LogMetadata, SequenceId } from '../event-log/event-log.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { readEntries } from '../snapshots/read-entries.ts';
import { applyEntry, replay } from '../snapshots/replay.ts';
import { type Cell, type CellRange, isColumn, isRow, MAX_COLUMNS, MAX_ROWS, shown } from './cell.ts';
import type { SheetEntry } from './entries.ts';
import { countCells, readCells, type SheetCounts } from './read-cells.ts';
import { sheet } from './sheet.ts';
import type { SheetState } from './sheet-state.ts';

export type SheetLog = EventLog<SheetEntry & LogMetadata>;

export interface OpenSheetOptions {
  log: SheetLog;
  /** The directory of this log's blobs. */
  blobs: BlobDir;
  /** State of all entries strictly before this one; default: of all entries, and `refresh` goes on. */
  at?: SequenceId | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
}

export interface Sheet {
  /** The view shows all entries strictly before this one. */
  readonly sequenceId: SequenceId;
  /** @throws InvalidInputError outside a sheet */
  getCell(row: number, column: number): Promise<Cell>;
  /** One array per row; an empty cell is { value: null }. All cells are of one sequence id. @throws InvalidInputError for no rectangle, or over 1,000,000 cells */
  getRange(range: CellRange): Promise<Cell[][]>;
  /** Rows and columns up to the last one that holds a cell, and how many cells there are. */
  counts(): Promise<SheetCounts>;
  /** Takes in the entries that were appended since. A view with `at` never changes. @returns whether there were any */
  refresh(): Promise<boolean>;
}

const MAX_RANGE_CELLS = 1_000_000;
/** More new entries than this are folded from the newest snapshot on, in bounded memory. */
const MAX_ENTRIES_IN_HAND = 10_000;
/** Writes held over the tiles, before a newer snapshot is worth opening. */
const MAX_OVERLAY_BYTES = 4 * 1024 * 1024;

interface View {
  state: SheetState;
  sequenceId: SequenceId;
  /** Of the snapshot under it; 0n: none. */
  baseId: SequenceId;
}

/** @throws SequenceRangeError for an `at` that the log does not hold */
export async function openSheet({ log, blobs, at, cache, signal }: OpenSheetOptions): Promise<Sheet> {
  const options = { blobs, cache, signal };
  let view = await open();
  let refreshing: Promise<boolean> | undefined;

  async function open(): Promise<View> {
    const { state, sequenceId, base } = await replay({ log, logType: sheet, to: at ?? 'end', ...options });
    return { state, sequenceId, baseId: base.sequenceId };
  }

  async function refresh(): Promise<boolean> {
    const before = view.sequenceId;
    const entries = await entriesSince(log, before);
    if (entries === undefined) {
      view = await open();
      return view.sequenceId !== before;
    }
    // In one turn of the event loop, so that no read sees half of it.
    for (const entry of entries) {
      applyEntry(sheet, view.state, entry, view.sequenceId);
      view.sequenceId += 1n;
    }
    if (view.state.overlay.bytes > MAX_OVERLAY_BYTES && (await hasNewerSnapshot(log, view))) {
      view = await open();
    }
    return view.sequenceId !== before;
  }

  return {
    get sequenceId() {
      return view.sequenceId;
    },
    async getCell(row, column) {
      const [[cell]] = (await readCells(view.state, checkRange({ row, column, rowCount: 1, columnCount: 1 }), options)) as [[Cell]];
      return cell;
    },
    getRange: async (range) => readCells(view.state, checkRange(range), options),
    counts: async () => countCells(view.state, options),
    async refresh() {
      if (at !== undefined) {
        return false;
      }
      refreshing ??= refresh().finally(() => {
        refreshing = undefined;
      });
      return refreshing;
    },
  };
}

/** @returns undefined where the view is better opened again: the log was truncated past it, or too much has come */
async function entriesSince(log: SheetLog, from: SequenceId): Promise<(SheetEntry & LogMetadata)[] | undefined> {
  const entries: (SheetEntry & LogMetadata)[] = [];
  try {
    for await (const page of readEntries(log, from, 'end')) {
      if (entries.length + page.entries.length > MAX_ENTRIES_IN_HAND) {
        return undefined;
      }
      entries.push(...page.entries);
    }
    return entries;
  } catch (error) {
    if (error instanceof SequenceRangeError) {
      return undefined;
    }
    throw error;
  }
}

async function hasNewerSnapshot(log: SheetLog, { sequenceId, baseId }: View): Promise<boolean> {
  try {
    const { lastSnapshot } = await log.query(sequenceId, sequenceId, baseId);
    return lastSnapshot !== undefined && lastSnapshot.sequenceId > baseId;
  } catch (error) {
    if (error instanceof SequenceRangeError) {
      return true;
    }
    throw error;
  }
}

function checkRange(range: CellRange): CellRange {
  const { row, column, rowCount, columnCount } = range;
  const isInside =
    isRow(row) && isColumn(column) && Number.isInteger(rowCount) && Number.isInteger(columnCount) && rowCount >= 1 && columnCount >= 1;
  if (!isInside || row + rowCount > MAX_ROWS || column + columnCount > MAX_COLUMNS) {
    throw new InvalidInputError(
      `${shown(range)} is no range of a sheet: use integers, rows from 0 to ${MAX_ROWS - 1}, columns from 0 to ${MAX_COLUMNS - 1}, and at least one of each.`,
    );
  }
  if (rowCount * columnCount > MAX_RANGE_CELLS) {
    throw new InvalidInputError(`${rowCount} × ${columnCount} cells are over the ${MAX_RANGE_CELLS} of one range. Read it in parts.`);
  }
  return range;
}
