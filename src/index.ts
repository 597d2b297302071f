/**
 * The public surface of the library. Light: nothing here loads Temporal, so an application's web process can import it.
 * Tests have more in `tidemark/testing`; workers and starters are the command `tidemark`.
 */
import type { MigrateOptions } from './postgres/migrate.ts';

// Blob stores.
export type { BlobDir, BlobQueryValue, BlobStore } from './blob-store/blob-store.ts';
export { blobsOfLog } from './blob-store/blobs-of-log.ts';
export { createDirectoryBlobStore, type DirectoryBlobStoreOptions } from './blob-store/directory-blob-store.ts';
export { createMemoryBlobStore, type MemoryBlobStoreOptions } from './blob-store/memory-blob-store.ts';
export { createPostgresBlobStore, type PostgresBlobStoreOptions } from './blob-store/postgres-blob-store.ts';
// Row changes.
export { type ChangedRow, type ChangeMessage, type ChangeOp, type ChangeSource, Unchanged } from './changes/change-message.ts';
export { type ChangeDefinition, type ChangeKind, type ChangeOptions, type ChangeSelection, onChange } from './changes/on-change.ts';
export { type EraseCellsOptions, type EraseCellsValue, eraseCells } from './erasure/erase-cells.ts';
export {
  BlobNotFoundError,
  BlobWrongKindError,
  CellConflictError,
  ConflictError,
  type ConflictingCell,
  CorruptBlobError,
  EditUnconfirmedError,
  EnqueueUnavailableError,
  FencedError,
  HistoryGoneError,
  IdempotencyKeyReusedError,
  InvalidBlobNameError,
  InvalidInputError,
  JobFailedError,
  JobNotFoundError,
  LogNotFoundError,
  NoContinuationError,
  NotExposedError,
  QueueFullError,
  SequenceRangeError,
  SetupError,
  SheetClosedError,
  SubscriptionNotFoundError,
  TidemarkError,
  TopicNotFoundError,
  UnavailableError,
  UnknownJobError,
  UnknownWorkflowError,
  WorkbookExistsError,
  WorkbookNotFoundError,
} from './errors.ts';
export type { AppendTypedOptions, AppendTypedValue, NewEntry } from './event-log/append-typed.ts';
// An application: what it defines, writes and reads.
export { type CreateLogOptions, createLog } from './event-log/create-log.ts';
export { defineLogType, type LogTypeDefinition } from './event-log/define-log-type.ts';
export { defineEntryWork, type EntryWork, type EntryWorkContext, type EntryWorkInput } from './event-log/entry-work.ts';
// Event logs.
export type {
  AddEntryValue,
  ArchivableLog,
  BlobId,
  CompleteWorkflowValue,
  EventLog,
  HistoryValue,
  LogEntry,
  LogMetadata,
  QueryValue,
  SequenceId,
  SnapshotValue,
  WorkflowId,
} from './event-log/event-log.ts';
export type { SequencedEntry } from './event-log/follow-log.ts';
export type { FollowOptions, LogHandle } from './event-log/log-handle.ts';
export type { AnyLogType, Eraser, LogType, SnapshotFormat, SnapshotOptions } from './event-log/log-type.ts';
export { createMemoryEventLog, type MemoryEventLog, type MemoryEventLogOptions } from './event-log/memory-event-log.ts';
export { createPostgresEventLog, type PostgresEventLog, type PostgresEventLogOptions } from './event-log/postgres-event-log.ts';
export type { Provenance } from './event-log/provenance.ts';
export { parseSequenceId } from './event-log/sequence-id.ts';
export type { EntriesOptions, ReadOptions, TypedLog } from './event-log/typed-log.ts';
export { type CollectGarbageOptions, collectGarbage, type GarbageProgress, type GarbageReport } from './garbage/collect-garbage.ts';
// Snapshots, history and sheets.
export { type CompactLogOptions, type CompactLogValue, compactLog } from './history/compact-log.ts';
export { type LogWithHistory, type WithHistoryOptions, withHistory } from './history/with-history.ts';
export { type AnyJob, defineJob, type JobDefinition, type JobRetry } from './jobs/define-job.ts';
export type { EnqueueAnswer, EnqueueOptions, Enqueuer, JobDedupe } from './jobs/enqueue.ts';
export type { JobContext } from './jobs/job-context.ts';
export type { FollowOptions as FollowJobOptions, JobHandle } from './jobs/job-handle.ts';
export type { JobProgress } from './jobs/job-progress.ts';
export type { RunStep, StepContext } from './jobs/job-steps.ts';
export { jobTopics } from './jobs/job-topics.ts';
export type { JobPage, JobSelection, ListJobsOptions } from './jobs/list-jobs.ts';
export type { JobAttempt, JobLine, JobState, JobStatus, JobSummary } from './jobs/read-job.ts';
export type { DecidedBy } from './jobs/redrive-jobs.ts';
// Jobs.
export type { JoinedTransaction, TidemarkTransaction } from './join-transaction.ts';
export type {
  ConflictPolicy,
  FailedTile,
  LiveSheet,
  LiveSheetOptions,
  LoadStatus,
  SheetView,
  SyncState,
  SyncStatus,
  ViewBase,
  ViewCounts,
} from './live-sheet/types.ts';
export { applySubscriptions, planSubscriptions, type SubscriptionChange } from './messages/apply-subscriptions.ts';
export { binary, type UnreadBytes } from './messages/binary.ts';
export {
  type AnyWorker as Worker,
  type BatchOptions,
  type BatchWorkerDefinition,
  type BinaryWorkerDefinition,
  defineWorker,
  type TypedWorker,
  type WorkerDefinition,
} from './messages/define-worker.ts';
export {
  type ExperimentContext,
  type ExperimentOptions,
  type ExperimentWorker,
  workerToExperimentWorker,
} from './messages/experiment-worker.ts';
export type { BatchContext, BatchMessage, Message, MessageContext, MessageLogger } from './messages/message.ts';
export { messageToJson } from './messages/message-to-json.ts';
export {
  type Notification,
  type NotificationHandlerReturn,
  type NotificationSink,
  type NotificationToStore,
  type NotificationWorker,
  notificationWorkerToWorker,
  type TypedNotificationWorker,
} from './messages/notification-worker.ts';
export type { Publisher, PublishOptions, PublishValue } from './messages/publish.ts';
export type { DeliveredData, PublishedData, Register, TopicName } from './messages/register.ts';
// Messages.
export {
  type DataOf,
  defineTopics,
  type MessageType,
  type PayloadOf,
  type Topic,
  type TopicDefinition,
  type Topics,
} from './messages/topic.ts';
export { type PubSubSchema, triggerTypedEvent } from './messages/trigger-typed-event.ts';
export { typedWorkers, type WorkerList } from './messages/typed-workers.ts';
export type { WorkerToWrap, WrappedWorker } from './messages/wrap-worker.ts';
export type { ApplicationDatabase } from './postgres/application-database.ts';
export type { Queryable } from './postgres/queryable.ts';
// Schedules.
export { type AnySchedule, defineSchedule, type ScheduleDefinition, type ScheduleOverlap } from './schedules/define-schedule.ts';
export { firingOf } from './schedules/fire-schedule.ts';
export type { SnapshotFallback } from './snapshots/find-base.ts';
export { type TakeSnapshotOptions, takeSnapshot } from './snapshots/take-snapshot.ts';
export type { Cell, CellError, CellRange, CellValue } from './spreadsheet/cell.ts';
export type { SheetEntry } from './spreadsheet/entries.ts';
// Sheets into files and back. What reads a format is loaded when it is called.
export type { ExportOptions, ExportProgress } from './spreadsheet/export-bands.ts';
export { type ExportCsvOptions, exportCsv } from './spreadsheet/export-csv.ts';
export { type ExportXlsxOptions, exportXlsx } from './spreadsheet/export-xlsx.ts';
export { type ImportCsvOptions, importCsv } from './spreadsheet/import-csv.ts';
export type { ImportedCells, ImportNote, ImportReport } from './spreadsheet/import-report.ts';
export type { ImportOptions, ImportProgress, ImportValue } from './spreadsheet/import-rows.ts';
export { type ImportXlsxOptions, type ImportXlsxValue, importXlsx } from './spreadsheet/import-xlsx.ts';
export { type OpenSheetOptions, openSheet, type Sheet, type SheetLog } from './spreadsheet/open-sheet.ts';
export { sheet } from './spreadsheet/sheet.ts';
export type { UnpackLimits } from './spreadsheet/unpack-limits.ts';
export type { WorkbookLimits } from './spreadsheet/xlsx/limits.ts';
export { createTidemark, type Tidemark, type TidemarkOptions } from './tidemark.ts';
export { NonRetryableError, RetryAfterError, type RetryPolicy } from './work/retry-policy.ts';
// Workbooks, and downloads of their records.
export {
  type AnySource,
  connectionName,
  defineSource,
  type SourceContext,
  type SourceDefinition,
  type SourcePage,
  secretName,
} from './workbooks/define-source.ts';
export {
  type DownloadRecordsInput,
  type DownloadRecordsJob,
  type DownloadRecordsOptions,
  type DownloadRecordsOutput,
  downloadRecordsJob,
} from './workbooks/download-records.ts';
export { SourceChangedError, SourceRefusedError, SourceUnavailableError } from './workbooks/source-errors.ts';
export type { SourceHttp, SourceHttpOptions, SourceRequest } from './workbooks/source-http.ts';
export type { NewTable, NewWorkbook, Workbook, WorkbookSource, WorkbookTable } from './workbooks/workbook.ts';
export type { WorkbookActions } from './workbooks/workbook-actions.ts';
// Workers and their hosts.
export { type InvokeWorkflowOptions, invokeWorkflow, type WorkflowContext, type WorkflowFunction } from './worker-hosts/invoke-workflow.ts';
export { type PendingLog, resendPending } from './worker-hosts/resend-pending.ts';
export { SimpleWorker, SimpleWorkerHost } from './worker-hosts/simple-worker-host.ts';
export { TemporalWorkerHost, type TemporalWorkerHostOptions } from './worker-hosts/temporal-worker-host.ts';
export type {
  InfiniSheetWorker,
  MessageHandler,
  PendingWorkflowMessage,
  PostMessageWorkerHost,
  WorkerHost,
  WorkerMessage,
  WorkerReport,
} from './worker-hosts/worker-host.ts';

/**
 * Brings a database to this version's schema; what `tidemark migrate` does. Its parts are loaded when it is called.
 * @returns names of the migrations that ran now
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const migrations = await import('./postgres/migrate.ts');
  return migrations.migrate(options);
}
export type { MigrateOptions };
