/** What a live sheet gives its users: views, the state of loading and saving, and the calls. */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { TidemarkError } from '../errors.ts';
import type { EventLog, LogMetadata, SequenceId } from '../event-log/event-log.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import type { SnapshotFallback } from '../snapshots/find-base.ts';
import type { Cell, CellRange, CellValue } from '../spreadsheet/cell.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import type { SheetCounts } from '../spreadsheet/read-cells.ts';

/** What happens to an edit whose cells somebody else has written meanwhile. */
export type ConflictPolicy = 'overwrite' | 'report';

export type SheetLog = EventLog<SheetEntry & LogMetadata>;

export interface LiveSheetOptions {
  log: SheetLog;
  /** The directory of this log's blobs. */
  blobs: BlobDir;
  /** Set at once, as by `setViewport`. */
  viewport?: CellRange | undefined;
  /** 'overwrite': the last writer wins. 'report': the edit is rolled back, its promise rejects with a CellConflictError. Default 'overwrite'. */
  conflict?: ConflictPolicy | undefined;
  /** How long to wait without a hint of the log before looking for new entries, in ms. Default 1,000. */
  pollMs?: number | undefined;
  /** An append or a query of the log that has not answered by then counts as failed, in ms; an append has 1 ms more for each 32 bytes. Default 15,000. */
  requestTimeoutMs?: number | undefined;
  /** The same for a blob. Default 10,000. */
  blobTimeoutMs?: number | undefined;
  /** The first wait after a failure, in ms; doubled each time. Default 100, at most 30 s. */
  retryMs?: number | undefined;
  /** Bytes of tiles outside the viewport that are kept for when it moves back, estimated. Default 32 MiB. */
  cacheBytes?: number | undefined;
  /** Bytes of writes since the snapshot, estimated, after which a newer one is moved to. Default 4 MiB. */
  maxOverlayBytes?: number | undefined;
  /** Decoded blobs to share with other sheets. Default: a small one of its own, for lists of tiles. */
  cache?: SnapshotCache | undefined;
  /** Closes the sheet, as `close` does. */
  signal?: AbortSignal | undefined;
}

/** Saving, in the one word that a page shows. */
export type SyncState = 'saved' | 'saving' | 'reconnecting' | 'conflict';

export interface SyncStatus {
  /**
   * reconnecting: the log does not answer, `error` says why; it is tried again by itself, edits wait. conflict: edits were rolled back and
   * nobody has acknowledged it. saving: edits are on their way. saved: none of these. The first that applies.
   */
  readonly state: SyncState;
  /** Edits that are in the view and not confirmed. */
  readonly waitingEdits: number;
  readonly error?: Error;
  /** Why edits were rolled back, until `acknowledge`; at most 100. Of conflicts each cell stays: of many of them one error names all. */
  readonly rolledBack: readonly TidemarkError[];
}

export interface FailedTile {
  /** The cells that it holds. */
  readonly range: CellRange;
  /** CorruptBlobError, BlobNotFoundError, UnavailableError for a timeout, or what the blob store threw. */
  readonly error: Error;
  /** Its cells are shown as they were before the sheet opened again behind a truncated log, with the writes since on top. */
  readonly isStale: boolean;
}

/** Of the viewport. */
export interface LoadStatus {
  /** Nothing is loading and nothing has failed. */
  readonly isComplete: boolean;
  readonly loading: readonly CellRange[];
  /** Tried again by itself at growing intervals, or at once by `retry`. */
  readonly failed: readonly FailedTile[];
}

/** What the view is built on. */
export interface ViewBase {
  /** Of the snapshot; 0n: none. */
  readonly sequenceId: SequenceId;
  /** Newer snapshots that could not be used, newest first. */
  readonly fallbacks: readonly SnapshotFallback[];
  /** Where the view stood when the log turned out to be truncated past it, so that the sheet was opened again. Absent: never. */
  readonly reopenedFrom?: SequenceId;
}

export interface ViewCounts extends SheetCounts {
  /** False while cells were written in tiles that are not loaded: what these held before is not counted exactly. */
  readonly isExact: boolean;
}

/** What can be shown now. Never changes; another one takes its place. */
export interface SheetView {
  /** All entries before this one are in it, and the edits that wait on top. */
  readonly sequenceId: SequenceId;
  readonly base: ViewBase;
  /** With the edits that wait. Worked out when it is first read. */
  readonly counts: ViewCounts;
  readonly load: LoadStatus;
  readonly sync: SyncStatus;
  /** @returns { value: null } for an empty cell; undefined for one that is not loaded. @throws InvalidInputError outside a sheet */
  getCell(row: number, column: number): Cell | undefined;
  /** One array per row, cells as `getCell` gives them. @throws InvalidInputError for no rectangle, or over 1,000,000 cells */
  getRange(range: CellRange): (Cell | undefined)[][];
}

export interface LiveSheet {
  /** The newest one. The same object until something has changed. */
  readonly view: SheetView;
  /** @param listener called after there is a new view. @returns ends it */
  subscribe(listener: () => void): () => void;
  /**
   * Loads the tiles under `range`, and keeps them loaded. Resolves when each is loaded or has failed, or another viewport has taken its place.
   * @throws InvalidInputError
   */
  setViewport(range: CellRange): Promise<void>;
  /**
   * Sets a cell: at once in the view, then in the log. Without a format it has none afterwards; null empties it.
   * @returns the sequence id of its entry, once it is in the log. Rejects where the edit was rolled back: CellConflictError,
   * EditUnconfirmedError, SheetClosedError, or what the log refused it with. It need not be awaited: `view.sync` says it too.
   * InvalidInputError for what is no cell: nothing has happened then.
   */
  setCell(row: number, column: number, value: CellValue, format?: string): Promise<SequenceId>;
  /** Sets a rectangle from its top left cell on, as one entry: all of it or nothing. As `setCell`. */
  setRange(row: number, column: number, values: readonly (readonly CellValue[])[], format?: string): Promise<SequenceId>;
  /** Tries at once what would be tried later: the log, tiles that failed. */
  retry(): void;
  /** Forgets the edits that were rolled back: `conflict` ends. */
  acknowledge(): void;
  /** Resolves when no edit waits any more, confirmed or rolled back. Rejects with SheetClosedError. */
  flush(): Promise<void>;
  /** Ends everything. Edits that wait reject with SheetClosedError, unless `flush` lets them be saved first. The last view stays readable. */
  close(options?: { flush?: boolean }): Promise<void>;
}
