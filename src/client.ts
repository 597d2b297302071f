/**
 * Logs and sheets in the browser, and wherever else there is no Postgres: nothing here, and nothing that it loads, needs Node. `connect` is a
 * Tidemark server over HTTP; the log and the blobs of a sheet may be anything else that keeps their contracts. Those in memory are for tests.
 */
export type { BlobDir, BlobQueryValue, BlobStore } from './blob-store/blob-store.ts';
export { blobsOfLog } from './blob-store/blobs-of-log.ts';
export { createMemoryBlobStore, type MemoryBlobStoreOptions } from './blob-store/memory-blob-store.ts';
export type * from './client/api-types.ts';
export { connect, type LogList, type TidemarkClient } from './client/connect.ts';
export type { HttpEventLog, HttpLogOptions } from './client/http-event-log.ts';
export type { ClientEnqueueOptions, ClientJobSelection, JobClient } from './client/job-client.ts';
export type { LogEventsOptions, PositionedEvent } from './client/log-events.ts';
export type { ClientPublishOptions, MessageClient } from './client/message-client.ts';
export type { ScheduleClient } from './client/schedule-client.ts';
export type { ConnectOptions, RequestOptions } from './client/transport.ts';
export type { WorkClient } from './client/work-client.ts';
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
export { type LogWithHistory, type WithHistoryOptions, withHistory } from './history/with-history.ts';
export type * from './live-sheet/types.ts';
export { createSnapshotCache, type SnapshotCache } from './snapshots/cache.ts';
export type { SnapshotFallback } from './snapshots/find-base.ts';
export { type TakeSnapshotOptions, takeSnapshot } from './snapshots/take-snapshot.ts';
export type { Cell, CellError, CellRange, CellValue } from './spreadsheet/cell.ts';
export type { SheetEntry } from './spreadsheet/entries.ts';
export { type OpenSheetOptions, openSheet, type Sheet } from './spreadsheet/open-sheet.ts';
export { sheet } from './spreadsheet/sheet.ts';
