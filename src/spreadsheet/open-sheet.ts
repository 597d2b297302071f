/**
 * Opens a sheet: live (see src/live-sheet), or as a read-only view of its newest snapshot with the entries since on top.
 *
 * Of a view: only the tiles that a read touches are fetched, so a viewport of a large sheet costs what one of a small sheet costs. A view stays
 * at its sequence id until `refresh`. Behind a truncated log it opens again from the snapshot. Errors are those of the log and the blob store,
 * CorruptBlobError for a bad blob that nothing can stand in for, HistoryGoneError where no snapshot stands for truncated entries.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { InvalidInputError, SequenceRangeError } from '../errors.ts';
import type { LogMetadata, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import { openLiveSheet } from '../live-sheet/live-sheet.ts';
import type { LiveSheet, LiveSheetOptions, SheetLog } from '../live-sheet/types.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import type { SnapshotFallback } from '../snapshots/find-base.ts';
import { readEntries } from '../snapshots/read-entries.ts';
import { applyEntry, replay } from '../snapshots/replay.ts';
import type { Cell, CellRange } from './cell.ts';
import { checkRange } from './check-range.ts';
import type { SheetEntry } from './entries.ts';
import { countCells, readCells, type SheetCounts } from './read-cells.ts';
import { sheet } from './sheet.ts';
import type { SheetState } from './sheet-state.ts';

export type { SheetLog };

export interface OpenSheetOptions {
  log: SheetLog;
  /** The directory of this log's blobs. */
  blobs: BlobDir;
  /** State of all entries strictly before this one; default: of all entries, and `refresh` goes on. */
  at?: SequenceId | undefined;
  /** The newest snapshot at or before `at`, for who knows it: spares looking for it in the entries. One that cannot be used is looked for. */
  base?: SnapshotValue | undefined;
  /** Called for each snapshot that could not be used, so that an older one and the entries since stood in. */
  onFallback?: ((fallback: SnapshotFallback) => void) | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
  live?: false | undefined;
}

export interface Sheet {
  /** The view shows all entries strictly before this one. */
  readonly sequenceId: SequenceId;
  /** Estimated memory of what the view holds itself: the writes since its snapshot. */
  readonly heldBytes: number;
  /** @throws InvalidInputError outside a sheet */
  getCell(row: number, column: number): Promise<Cell>;
  /** One array per row; an empty cell is { value: null }. All cells are of the sequence id that the view had at the call. @throws InvalidInputError for no rectangle, or over 1,000,000 cells */
  getRange(range: CellRange): Promise<Cell[][]>;
  /** Rows and columns up to the last one that holds a cell, and how many cells there are. */
  counts(): Promise<SheetCounts>;
  /** Takes in the entries that were appended since. A view with `at` never changes. @returns whether there were any */
  refresh(): Promise<boolean>;
}

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

/**
 * A view of the sheet as it is, or was `at`; with `live` one that follows its log and takes edits (see `LiveSheet`).
 * @throws SequenceRangeError for an `at` that the log does not hold
 */
export function openSheet(options: LiveSheetOptions & { live: true }): Promise<LiveSheet>;
export function openSheet(options: OpenSheetOptions): Promise<Sheet>;
export async function openSheet(options: OpenSheetOptions | (LiveSheetOptions & { live: true })): Promise<Sheet | LiveSheet> {
  if ('live' in options && options.live) {
    if ('at' in options && options.at !== undefined) {
      throw new InvalidInputError(`A live sheet shows the newest entries, not those before ${options.at}: leave out 'at', or 'live'.`);
    }
    return openLiveSheet(options);
  }
  return openView(options);
}

async function openView({ log, blobs, at, base: resume, cache, signal, onFallback }: OpenSheetOptions): Promise<Sheet> {
  const options = { blobs, cache, signal };
  let view = await open();
  let refreshing: Promise<boolean> | undefined;

  async function open(): Promise<View> {
    const { state, sequenceId, base } = await replay({ log, logType: sheet, to: at ?? 'end', resume, onFallback, ...options });
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
    get heldBytes() {
      return view.state.overlay.bytes;
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
