/**
 * A host whose workers are Temporal's: posting a message makes sure that the entry's unit of work exists and wakes the starter.
 *
 * An entry whose `pending` was cleared needs nothing, a unit that is alive is left alone, and a dead one stays dead until a person
 * redrives it. A message that could not be looked at because Postgres is away is tried again for as long as the host is open. With `onReport` set,
 * the unit's row is followed: progress as it is recorded, then one 'done' or 'error'.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage, InvalidInputError, UnknownWorkflowError } from '../errors.ts';
import { notify } from '../postgres/listen.ts';
import { type Database, DEFAULT_SCHEMA, inSchema, type Queryable } from '../postgres/queryable.ts';
import { classifyError } from '../work/classify-error.ts';
import { ensureEntryWork } from './ensure-entry-work.ts';
import { followUnits, type UnitFollower } from './follow-units.ts';
import type { PendingWorkflowMessage, PostMessageWorkerHost, WorkerReport } from './worker-host.ts';

export interface TemporalWorkerHostOptions {
  db: Queryable;
  schema?: string;
  /** How often the rows of posted messages are looked at while `onReport` is set, in ms. Default 200. */
  pollMs?: number;
}

const MAX_BACKOFF_MS = 5_000;

export class TemporalWorkerHost implements PostMessageWorkerHost<PendingWorkflowMessage> {
  onReport: ((report: WorkerReport) => void) | undefined;
  readonly #db: Database;
  readonly #schema: string;
  readonly #follower: UnitFollower;
  readonly #closed = new AbortController();
  readonly #posting = new Set<Promise<void>>();

  constructor({ db, schema = DEFAULT_SCHEMA, pollMs = 200 }: TemporalWorkerHostOptions) {
    this.#db = inSchema(db, schema);
    this.#schema = schema;
    this.#follower = followUnits({ db: this.#db, pollMs, onReport: (report) => this.onReport?.(report) });
  }

  /** Returns at once. What cannot be done, for example for an unknown workflow, is an 'error' report. */
  postMessage(message: PendingWorkflowMessage): void {
    const posted: Promise<void> = this.#post(message).finally(() => this.#posting.delete(posted));
    this.#posting.add(posted);
  }

  /** Stops following; units go on. Resolves when nothing of this host runs any more. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([...this.#posting, this.#follower.stop()]);
  }

  async #post(message: PendingWorkflowMessage): Promise<void> {
    const { workflow, sequenceId } = message;
    for (let failures = 0; !this.#closed.signal.aborted; failures += 1) {
      try {
        if (await ensureEntryWork(this.#db, message)) {
          // A hint: the starter's poll finds the unit without it.
          await notify(this.#db, 'work', this.#schema).catch(() => {});
        }
        if (this.onReport) {
          this.#follower.follow(message);
        }
        return;
      } catch (error) {
        if (classifyError(error) !== 'infrastructure') {
          this.onReport?.({ type: 'error', workflow, sequenceId, error: refusal(message, error) });
          return;
        }
        await delay(Math.min(100 * 2 ** failures, MAX_BACKOFF_MS), undefined, { signal: this.#closed.signal }).catch(() => {});
      }
    }
  }
}

/** SQLSTATE of `add_work` for a name that no worker has registered. */
const UNKNOWN_WORKFLOW = 'TM001';

function refusal({ workflow, logId, sequenceId }: PendingWorkflowMessage, error: unknown): unknown {
  if ((error as { code?: unknown }).code === UNKNOWN_WORKFLOW) {
    return new UnknownWorkflowError(workflow);
  }
  return error instanceof InvalidInputError
    ? error
    : new InvalidInputError(`Entry ${sequenceId} of log '${logId}' cannot be posted: ${errorMessage(error)}`, { cause: error });
}
