/** Jobs over HTTP: enqueue, look at, follow to the end, and decide about them. */
import { JobFailedError, UnavailableError } from '../errors.ts';
import { createBell } from '../event-log/bell.ts';
import { backoffMs } from '../live-sheet/backoff.ts';
import type { EnqueuedBody, JobBody, JobDetails, JobState, WorkState } from './api-types.ts';
import { LostConnectionError, messagesIn } from './server-sent-events.ts';
import type { RequestOptions, Transport } from './transport.ts';

type Signal = Pick<RequestOptions, 'signal'>;

export interface ClientEnqueueOptions {
  /** Enqueued again under its name within 7 days, or while it waits or runs, it is the same job. Default: one of its own, so that a try whose answer was lost may be repeated. */
  id?: string | undefined;
  /** From -100 to 100, lower first. Default 0. */
  priority?: number | undefined;
  /** Does not begin before. */
  notBefore?: Date | undefined;
  /** Jobs of a name take turns by it. */
  fairnessKey?: string | undefined;
  /** In the place of an id: what it is the same as. */
  dedupe?:
    | { key: string; mode: 'ignore' | 'replace' | 'debounce'; windowMs?: number | undefined; maxWaitMs?: number | undefined }
    | undefined;
  correlationId?: string | undefined;
  causationId?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Which jobs. */
export interface ClientJobSelection {
  ids?: readonly string[];
  name?: string;
  actor?: string;
}

export interface JobClient {
  /**
   * Enqueues a job: it is committed when this resolves. With `dedupe` it is asked for once, whatever becomes of the answer.
   * @throws UnknownJobError; InvalidInputError naming where the input is not the job's; QueueFullError; EnqueueUnavailableError
   */
  enqueue(name: string, input?: unknown, options?: ClientEnqueueOptions): Promise<EnqueuedBody>;
  /** Newest first. `next` is there where there are more: give it as `before`. */
  list(
    options?: { state?: WorkState; name?: string; actor?: string; limit?: number; before?: string } & Signal,
  ): Promise<{ jobs: JobBody[]; next?: string | undefined }>;
  /** @param options `waitMs`: answer when it has ended, or after so long. @throws JobNotFoundError */
  get(id: string, options?: { waitMs?: number } & Signal): Promise<JobDetails>;
  /** Its state now, whenever it changes, and as it ended; goes on across restarts of the server. @throws JobNotFoundError */
  follow(id: string, options?: Signal): AsyncGenerator<JobState, void, undefined>;
  /** Waits until it has ended. @returns what its handler returned. @throws JobFailedError where it is dead, cancelled or expired; JobNotFoundError */
  result<T = unknown>(id: string, options?: Signal): Promise<T>;
  /** Decisions are sent once: after an UnavailableError look at the job. `changed`: false where it had ended. @throws JobNotFoundError */
  cancel(id: string): Promise<{ changed: boolean; job: JobState }>;
  /** Runs it again, without the steps that it has finished. `changed`: false where it is not dead. @throws JobNotFoundError */
  redrive(id: string): Promise<{ changed: boolean; job: JobState }>;
  /** It goes first. `changed`: false where it does not wait. @throws JobNotFoundError */
  runNow(id: string): Promise<{ changed: boolean; job: JobState }>;
  /** Many at once: at least one thing has to be said. @returns how many */
  cancelAll(selection: ClientJobSelection & { state?: 'waiting' | 'running' }): Promise<{ jobs: number }>;
  redriveAll(selection: ClientJobSelection & { state?: 'dead' }): Promise<{ jobs: number }>;
  runAllNow(selection: ClientJobSelection & { state?: 'waiting' }): Promise<{ jobs: number }>;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;
/** Heartbeats come every 15 s. */
const SILENCE_MS = 40_000;
const ENDED = new Set(['done', 'dead', 'cancelled', 'expired']);

export function createJobClient(transport: Transport): JobClient {
  const pathOf = (id: string) => `jobs/${encodeURIComponent(id)}`;
  // Sent once: a repeat after a lost answer would say that nothing has changed, and a second redrive is one more life.
  const decide = (id: string, verb: string) =>
    transport.json<{ changed: boolean; job: JobState }>('POST', `${pathOf(id)}/${verb}`, { subject: { name: id } });

  async function* follow(id: string, { signal: own }: Signal = {}): AsyncGenerator<JobState, void, undefined> {
    const signal = own ? AbortSignal.any([own, transport.signal]) : transport.signal;
    let last = '';
    for (let failures = 0; !signal.aborted; ) {
      const connection = new AbortController();
      const onAbort = () => connection.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const body = await transport.stream(`${pathOf(id)}/events`, {
          headers: { accept: 'text/event-stream' },
          subject: { name: id },
          signal: connection.signal,
        });
        for await (const { data } of messagesIn(body, SILENCE_MS)) {
          failures = 0;
          const state = JSON.parse(data) as JobState;
          // After a connection that broke, what was known already.
          if (data !== last) yield state;
          last = data;
          if (ENDED.has(state.state)) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof UnavailableError) && !(error instanceof LostConnectionError)) throw error;
      } finally {
        signal.removeEventListener('abort', onAbort);
        connection.abort();
      }
      failures += 1;
      await createBell().wait(backoffMs(failures, FIRST_WAIT_MS, LONGEST_WAIT_MS), signal);
    }
  }

  return {
    enqueue(name, input, { signal, ...options } = {}) {
      const namesItself = options.id !== undefined || options.dedupe !== undefined;
      const key = globalThis.crypto.randomUUID();
      return transport.json('POST', `jobs/${encodeURIComponent(name)}`, {
        body: { ...(input === undefined ? {} : { input }), ...options },
        ...(namesItself ? {} : { headers: { 'idempotency-key': key } }),
        // What it is the same as may have ended by then.
        isRepeatable: options.dedupe === undefined,
        subject: { name, key },
        signal,
      });
    },
    list: ({ signal, ...query } = {}) => transport.json('GET', 'jobs', { query, signal }),
    get: (id, { signal, waitMs } = {}) => transport.json('GET', pathOf(id), { query: { waitMs }, waitMs, subject: { name: id }, signal }),
    follow,
    async result<T>(id: string, { signal }: Signal = {}) {
      for await (const { state, result, error } of follow(id, { signal })) {
        if (state === 'done') return result as T;
        if (state === 'dead' || state === 'cancelled' || state === 'expired') throw new JobFailedError(id, state, error);
      }
      signal?.throwIfAborted();
      throw new UnavailableError('This client is closed. Connect again.');
    },
    cancel: (id) => decide(id, 'cancel'),
    redrive: (id) => decide(id, 'redrive'),
    runNow: (id) => decide(id, 'run-now'),
    cancelAll: (selection) => transport.json('POST', 'jobs/cancel', { body: selection }),
    redriveAll: (selection) => transport.json('POST', 'jobs/redrive', { body: selection }),
    runAllNow: (selection) => transport.json('POST', 'jobs/run-now', { body: selection }),
  };
}
