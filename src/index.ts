/**
 * The public surface of the library. Light: nothing here loads Temporal, so an application's web process can import it.
 */
export type { BlobDir, BlobQueryValue, BlobStore } from './blob-store/blob-store.ts';
export { blobsOfLog } from './blob-store/blobs-of-log.ts';
export { createDirectoryBlobStore } from './blob-store/directory-blob-store.ts';
export { createMemoryBlobStore } from './blob-store/memory-blob-store.ts';
export * from './errors.ts';
export type { AppendTypedOptions, AppendTypedValue, NewEntry } from './event-log/append-typed.ts';
export { type CreateLogOptions, createLog } from './event-log/create-log.ts';
export { defineLogType, type LogTypeDefinition } from './event-log/define-log-type.ts';
export { defineEntryWork, type EntryWork, type EntryWorkContext, type EntryWorkInput } from './event-log/entry-work.ts';
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
export type { SequencedEntry } from './event-log/follow-log.ts';
export type { FollowOptions, LogHandle } from './event-log/log-handle.ts';
export type { AnyLogType, LogType, SnapshotFormat, SnapshotOptions } from './event-log/log-type.ts';
export { createPostgresEventLog, type PostgresEventLog, type PostgresEventLogOptions } from './event-log/postgres-event-log.ts';
export type { Provenance } from './event-log/provenance.ts';
export type { EntriesOptions, ReadOptions, TypedLog } from './event-log/typed-log.ts';
export type { ApplicationDatabase } from './postgres/application-database.ts';
export type { Queryable } from './postgres/queryable.ts';
export { type TakeSnapshotOptions, takeSnapshot } from './snapshots/take-snapshot.ts';
export { type OpenSheetOptions, openSheet, type Sheet } from './spreadsheet/open-sheet.ts';
export { sheet } from './spreadsheet/sheet.ts';
export { createTidemark, type JoinedTransaction, type Tidemark, type TidemarkOptions, type TidemarkTransaction } from './tidemark.ts';
