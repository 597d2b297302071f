/** What the handler of a job gets beside its input. */
import type { MessageLogger } from '../messages/message.ts';
import type { Publisher } from '../messages/publish.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Enqueuer } from './enqueue.ts';
import type { JobProgress } from './job-progress.ts';
import type { RunStep } from './job-steps.ts';

export interface JobContext {
  /** `<name>:<id>`. */
  readonly jobId: string;
  /** Statements here commit together with the end of the job, or not at all. */
  readonly db: Queryable;
  /** Name of the schema that Tidemark's tables are in. */
  readonly schema: string;
  /** Publishes in the same transaction as `db`. */
  readonly publish: Publisher['publish'];
  /** Enqueues in the same transaction as `db`. */
  readonly enqueue: Enqueuer['enqueue'];
  /** How far it is, for whoever looks: a fraction from 0 to 1, or more. The deadline counts from here. @throws FencedError when another attempt has taken over */
  progress(update: number | JobProgress): Promise<void>;
  /** Still at it: the deadline counts from here. @throws FencedError when another attempt has taken over */
  heartbeat(): Promise<void>;
  /**
   * Runs `body` once: an attempt that comes later, after a crash, an error or a redrive, gets its result instead. In order, or side by side under names of their own.
   * Its `db` is another transaction than the handler's: a row that one of them has locked is waited for by the other until the deadline.
   * @returns what `body` returned, as JSON keeps it
   */
  readonly step: RunStep;
  /** Aborted when the job is cancelled, at the deadline, on shutdown, or when another attempt has taken over. */
  readonly signal: AbortSignal;
  /** Every line is kept with the job, and is in the worker's log. */
  readonly logger: MessageLogger;
  /** From 1; from 1 again after a redrive. */
  readonly attempt: number;
  /** The same for every attempt, and after a redrive: for services that take one. */
  readonly idempotencyKey: string;
  /** Who enqueued it, as far as they said. */
  readonly actor?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
}
