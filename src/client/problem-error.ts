/** An answer that is a problem, as the error that the library throws in its place. */
import {
  BlobNotFoundError,
  BlobWrongKindError,
  ConflictError,
  CorruptBlobError,
  EnqueueUnavailableError,
  HistoryGoneError,
  IdempotencyKeyReusedError,
  InvalidBlobNameError,
  InvalidInputError,
  JobNotFoundError,
  LogNotFoundError,
  NoContinuationError,
  NotExposedError,
  QueueFullError,
  ScheduleNotFoundError,
  SequenceRangeError,
  SubscriptionNotFoundError,
  TidemarkError,
  TopicNotFoundError,
  UnavailableError,
  UnknownJobError,
  WorkbookExistsError,
  WorkbookNotFoundError,
  WorkNotFoundError,
} from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { ProblemBody } from '../http/problem.ts';

/** What a request was about: errors name it. */
export interface RequestSubject {
  logId?: string;
  blob?: string;
  sequenceId?: SequenceId;
  key?: string;
  /** Of a topic, subscription, job or schedule. */
  name?: string;
}

/** Worth another try by themselves. */
const PASSING = new Set([408, 429, 502, 503, 504]);

export function isPassing(status: number): boolean {
  return PASSING.has(status);
}

export async function errorOf(response: Response, subject: RequestSubject): Promise<TidemarkError> {
  const problem = await readProblem(response);
  const { status } = response;
  const detail = problem?.detail ?? `${response.url} answered ${status}.`;
  if (problem?.code === 'queue_full') {
    return queueFull(detail, subject);
  }
  if (problem?.code === 'enqueue_unavailable') {
    return new EnqueueUnavailableError(subject.name ?? '');
  }
  if (problem?.code === 'corrupt_blob') {
    return said(new CorruptBlobError(subject.blob ?? '', ''), detail);
  }
  if (isPassing(status) || status >= 500) {
    return new UnavailableError(detail);
  }
  if (problem === undefined) {
    // Of a proxy, which takes less than the server.
    return new TidemarkError(status === 413 ? 'too_large' : `http_${status}`, detail);
  }
  return ofProblem(problem, subject);
}

function ofProblem(problem: ProblemBody, { logId = '', blob = '', sequenceId = 0n, key = '', name = '' }: RequestSubject): TidemarkError {
  const { code, detail, nextSequenceId, startSequenceId, endSequenceId } = problem;
  switch (code) {
    case 'conflict':
      return new ConflictError(sequenceId, BigInt(nextSequenceId ?? 0));
    case 'sequence_range':
      return new SequenceRangeError(sequenceId, BigInt(startSequenceId ?? 0), BigInt(endSequenceId ?? 0));
    case 'log_not_found':
      return new LogNotFoundError(logId);
    case 'topic_not_found':
      return new TopicNotFoundError(name);
    case 'subscription_not_found':
      return new SubscriptionNotFoundError(name);
    case 'job_not_found':
      return new JobNotFoundError(name);
    case 'schedule_not_found':
      return said(new ScheduleNotFoundError(name), detail);
    case 'unknown_job':
      return new UnknownJobError(name);
    case 'blob_not_found':
      return new BlobNotFoundError(blob);
    case 'blob_wrong_kind':
      return wrongKind(detail, logId, blob);
    case 'invalid_blob_name':
      return new InvalidBlobNameError(blob);
    case 'no_continuation':
      return new NoContinuationError();
    case 'work_not_found':
      return said(new WorkNotFoundError(name), detail);
    case 'workbook_not_found':
      return said(new WorkbookNotFoundError(name), detail);
    case 'workbook_exists':
      return said(new WorkbookExistsError(name), detail);
    case 'history_gone':
      return said(new HistoryGoneError(BigInt(startSequenceId ?? 0)), detail);
    case 'invalid_input':
      return new InvalidInputError(detail);
    case 'idempotency_key_reused':
      return new IdempotencyKeyReusedError(key);
    case 'not_exposed':
      return said(new NotExposedError('This'), detail);
    default:
      return new TidemarkError(code, detail);
  }
}

/** In the server's words: it knows what the request was about, also where nobody has said so here. */
function said<ErrorT extends TidemarkError>(error: ErrorT, detail: string): ErrorT {
  error.message = detail;
  return error;
}

/** It may be a directory above that is a blob: the server says which, below the directory of the log. */
function wrongKind(detail: string, logId: string, blob: string): BlobWrongKindError {
  const [, path = blob, kind = 'blob'] = /^'(.*)' is a (blob|directory)/.exec(detail) ?? [];
  return new BlobWrongKindError(path.startsWith(`${logId}/`) ? path.slice(logId.length + 1) : path, kind as 'blob' | 'directory');
}

/** The server says whose limit it is. */
function queueFull(detail: string, { name = '' }: RequestSubject): QueueFullError {
  const [, actor = '', limit = '0'] = /^'(.*)' has (\d+) jobs /.exec(detail) ?? [];
  return new QueueFullError(name, actor, Number(limit));
}

async function readProblem(response: Response): Promise<ProblemBody | undefined> {
  if (!/\bjson\b/.test(response.headers.get('content-type') ?? '')) {
    await response.body?.cancel().catch(() => {});
    return undefined;
  }
  const body = (await response.json().catch(() => undefined)) as Partial<ProblemBody> | undefined;
  return typeof body?.code === 'string' && typeof body.detail === 'string' ? (body as ProblemBody) : undefined;
}
