/**
 * A host and its worker in the same process: for tests, and for use without Temporal.
 *
 * A message is handled in a later turn of the event loop, never inside `postMessage`. A handler that fails is an 'error' report; without
 * `onReport` it is a process warning. Nothing is tried again by itself: `resendPending` does that.
 */
import { errorMessage } from '../errors.ts';
import type {
  InfiniSheetWorker,
  MessageHandler,
  PendingWorkflowMessage,
  PostMessageWorkerHost,
  WorkerMessage,
  WorkerReport,
} from './worker-host.ts';

/** @example worker.onReceiveMessage = (message) => invokeWorkflow(message, { log, workflows, onReport: worker.postReport }) */
export class SimpleWorker<MessageT extends WorkerMessage = PendingWorkflowMessage> implements InfiniSheetWorker<MessageT> {
  onReceiveMessage: MessageHandler<MessageT> | undefined;
  #host: SimpleWorkerHost<MessageT> | undefined;

  /** Passes a report to the host's `onReport`. */
  readonly postReport = (report: WorkerReport): void => this.#host?.receiveReport(report);

  /** Called by the host that takes messages for this worker. */
  attachTo(host: SimpleWorkerHost<MessageT>): void {
    this.#host = host;
  }
}

export class SimpleWorkerHost<MessageT extends WorkerMessage = PendingWorkflowMessage> implements PostMessageWorkerHost<MessageT> {
  onReport: ((report: WorkerReport) => void) | undefined;
  readonly #worker: SimpleWorker<MessageT>;
  readonly #reported = new WeakSet<object>();

  constructor(worker: SimpleWorker<MessageT>) {
    this.#worker = worker;
    worker.attachTo(this);
  }

  /** @throws Error where the worker has no handler */
  postMessage(message: MessageT): void {
    const handler = this.#worker.onReceiveMessage;
    if (!handler) {
      throw new Error('Worker has no message handler');
    }
    setImmediate(() => void this.#handle(handler, message));
  }

  /** Called by the worker. */
  receiveReport(report: WorkerReport): void {
    if (report.type === 'error' && isObject(report.error)) {
      this.#reported.add(report.error);
    }
    this.onReport?.(report);
  }

  async #handle(handler: MessageHandler<MessageT>, message: MessageT): Promise<void> {
    try {
      await handler(message);
    } catch (error) {
      if (!this.onReport) {
        process.emitWarning(`A worker failed on a ${message.type}: ${errorMessage(error)}`);
      } else if (!isObject(error) || !this.#reported.has(error)) {
        this.onReport({ type: 'error', ...workOf(message), error });
      }
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** What a message is about, where it says so. */
function workOf(message: WorkerMessage): Pick<WorkerReport, 'workflow' | 'sequenceId'> {
  const { workflow = message.type, sequenceId = -1n } = message as Partial<PendingWorkflowMessage>;
  return { workflow, sequenceId };
}
