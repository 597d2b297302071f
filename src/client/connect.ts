/**
 * A server over HTTP, for programs and pages: its logs as event logs, their blobs, and what else it answers. Nothing of it needs Node.
 *
 * Errors are those of the library: a refusal is the class that it is there, a server that does not answer an UnavailableError.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { checkLogId } from '../event-log/check-names.ts';
import type { LogEntry } from '../event-log/event-log.ts';
import type { LogBody, LogDetails, SessionBody } from './api-types.ts';
import { createHttpBlobs } from './http-blobs.ts';
import { createHttpEventLog, type HttpEventLog, type HttpLogOptions } from './http-event-log.ts';
import { createJobClient, type JobClient } from './job-client.ts';
import { type LogEventsOptions, logEvents, type PositionedEvent } from './log-events.ts';
import { createLogTail, type LogTail } from './log-tail.ts';
import { createMessageClient, type MessageClient } from './message-client.ts';
import { createScheduleClient, type ScheduleClient } from './schedule-client.ts';
import { type ConnectOptions, createTransport, type RequestOptions } from './transport.ts';
import { createWorkClient, type WorkClient } from './work-client.ts';

export interface LogList {
  logs: LogBody[];
  /** Give it as `after`: there are more. */
  next?: string | undefined;
}

export interface TidemarkClient extends MessageClient {
  readonly logs: {
    list(options?: { type?: string; prefix?: string; after?: string; limit?: number; signal?: AbortSignal }): Promise<LogList>;
    /** An empty log; one of that id and type that is there already stays as it is. */
    create(log: { id: string; type?: string }): Promise<LogBody>;
    get(id: string, options?: { signal?: AbortSignal }): Promise<LogDetails>;
  };
  /**
   * A log as an EventLog: read, append, subscribe. What is the server's own (metadata, workflows, truncation) is a NotExposedError.
   * @example const sheet = await openSheet({ log: tidemark.log('flights'), blobs: tidemark.blobs('flights'), live: true })
   */
  log<T extends LogEntry = LogEntry & Record<string, unknown>>(id: string, options?: HttpLogOptions): HttpEventLog<T>;
  /** The blobs of a log, for reading. */
  blobs(id: string): BlobDir;
  /**
   * What happens to a log, as it happens: new entries, with who wrote them, and metadata that changes. Goes on across restarts of the server.
   * @throws SequenceRangeError for a `from` that the log has not reached, LogNotFoundError, or what says that this caller may not
   */
  events(id: string, options?: Partial<LogEventsOptions>): AsyncGenerator<PositionedEvent, void, undefined>;
  readonly work: WorkClient;
  readonly jobs: JobClient;
  readonly schedules: ScheduleClient;
  /** Of a page: a token is exchanged for a cookie that scripts cannot read. */
  readonly session: {
    get(options?: { signal?: AbortSignal }): Promise<SessionBody>;
    start(token: string): Promise<void>;
    end(): Promise<void>;
  };
  /** Any other route of the server, as /openapi.json describes it: `path` without a slash at its beginning. */
  request<T = unknown>(method: string, path: string, options?: RequestOptions): Promise<T>;
  /** Ends streams and requests. Idempotent. */
  close(): void;
}

/**
 * @example const tidemark = connect({ url: 'https://tidemark.example.com', token: process.env.TIDEMARK_TOKEN })
 * @example const tidemark = connect({ url: './' }) // in a page of that server, with its session
 */
export function connect(options: ConnectOptions): TidemarkClient {
  const transport = createTransport(options);
  const tails = new Map<string, LogTail<LogEntry>>();

  function tailOf<T extends LogEntry>(logId: string): LogTail<T> {
    const tail = tails.get(logId) ?? createLogTail<LogEntry>(transport, logId);
    tails.set(logId, tail);
    return tail as LogTail<T>;
  }

  return {
    logs: {
      list: ({ signal, ...query } = {}) => transport.json('GET', 'logs', { query, signal }),
      // Twice is as once.
      create: (log) => transport.json('POST', 'logs', { body: log, isRepeatable: true, subject: { logId: log.id } }),
      get: (id, { signal } = {}) => transport.json('GET', `logs/${encodeURIComponent(id)}`, { signal, subject: { logId: id } }),
    },
    log: <T extends LogEntry>(id: string, logOptions?: HttpLogOptions) =>
      createHttpEventLog<T>({ transport, logId: checkLogId(id), tail: tailOf<T>(id) }, logOptions),
    blobs: (id) => createHttpBlobs(transport, checkLogId(id)),
    events: (id, { signal, ...eventOptions } = {}) =>
      logEvents(transport, checkLogId(id), {
        ...eventOptions,
        signal: signal ? AbortSignal.any([signal, transport.signal]) : transport.signal,
      }),
    ...createMessageClient(transport),
    work: createWorkClient(transport),
    jobs: createJobClient(transport),
    schedules: createScheduleClient(transport),
    session: {
      get: (sessionOptions) => transport.json('GET', 'session', sessionOptions),
      start: (token) => transport.json('POST', 'session', { body: { token } }),
      end: () => transport.json('DELETE', 'session'),
    },
    request: (method, path, requestOptions) => transport.json(method, path, requestOptions),
    close: () => transport.close(),
  };
}
