/**
 * The seam between who asks for entry work and who does it.
 *
 * A host takes messages for its worker: in the same process (SimpleWorkerHost) or through Temporal (TemporalWorkerHost).
 * A message is only ever a hint about a `pending` entry; posting it twice, late or never changes no result.
 */
import type { SequenceId, WorkflowId } from '../event-log/event-log.ts';

export interface WorkerMessage {
  type: string;
}

export interface PendingWorkflowMessage extends WorkerMessage {
  type: 'PendingWorkflowMessage';
  logId: string;
  workflow: WorkflowId;
  sequenceId: SequenceId;
}

export type WorkerReport =
  | { type: 'progress'; workflow: WorkflowId; sequenceId: SequenceId; fraction: number; message?: string }
  | { type: 'done'; workflow: WorkflowId; sequenceId: SequenceId }
  | { type: 'error'; workflow: WorkflowId; sequenceId: SequenceId; error: unknown };

// biome-ignore lint/correctness/noUnusedVariables: the parameter names what a host carries
export interface WorkerHost<MessageT extends WorkerMessage> {
  onReport?: ((report: WorkerReport) => void) | undefined;
}

export interface PostMessageWorkerHost<MessageT extends WorkerMessage> extends WorkerHost<MessageT> {
  postMessage(message: MessageT): void;
}

export type MessageHandler<MessageT extends WorkerMessage> = (message: MessageT) => void | Promise<void>;

export interface InfiniSheetWorker<MessageT extends WorkerMessage> {
  onReceiveMessage: MessageHandler<MessageT> | undefined;
}
