/**
 * Sheets in the browser, and wherever else there is no Postgres: nothing here, and nothing that it loads, needs Node. The same code is in
 * `tidemark`. The log and the blobs are whatever keeps their contracts over there; those in memory are for tests and for trying things out.
 */
export type { BlobDir, BlobQueryValue, BlobStore } from './blob-store/blob-store.ts';
export { blobsOfLog } from './blob-store/blobs-of-log.ts';
export { createMemoryBlobStore, type MemoryBlobStoreOptions } from './blob-store/memory-blob-store.ts';
export * from './errors.ts';
export type {
  AddEntryValue,
  BlobId,
  CompleteWorkflowValue,
  EventLog,
  LogEntry,
  LogMetadata,
  QueryValue,
  SequenceId,
  SnapshotValue,
  WorkflowId,
} from './event-log/event-log.ts';
export { createMemoryEventLog, type MemoryEventLog, type MemoryEventLogOptions } from './event-log/memory-event-log.ts';
export { parseSequenceId } from './event-log/sequence-id.ts';
export type * from './live-sheet/types.ts';
export { createSnapshotCache, type SnapshotCache } from './snapshots/cache.ts';
export type { SnapshotFallback } from './snapshots/find-base.ts';
export { type TakeSnapshotOptions, takeSnapshot } from './snapshots/take-snapshot.ts';
export type { Cell, CellError, CellRange, CellValue } from './spreadsheet/cell.ts';
export type { SheetEntry } from './spreadsheet/entries.ts';
export { type OpenSheetOptions, openSheet, type Sheet } from './spreadsheet/open-sheet.ts';
export { sheet } from './spreadsheet/sheet.ts';
