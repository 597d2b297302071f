/**
 * Requests to a server: one place for address, token, deadlines, and trying again.
 *
 * What changes nothing, or names itself by a key, is tried again where no answer has come or a passing one; anything else is sent once.
 * Where that does not help it is an UnavailableError; a refusal is the error that the library throws.
 */
import { QueueFullError, TidemarkError, UnavailableError } from '../errors.ts';
import { createBell } from '../event-log/bell.ts';
import { backoffMs } from '../live-sheet/backoff.ts';
import { sendingMs } from '../live-sheet/deadline.ts';
import { utf8Length } from '../utf8-length.ts';
import { errorOf, isPassing, type RequestSubject } from './problem-error.ts';

export interface ConnectOptions {
  /** Where the server is, with its base path; in a page './' is where the page is. */
  url: string;
  /** Sent as `Authorization: Bearer …`. A page that has a session needs none. */
  token?: string | undefined;
  /** Default: the platform's. */
  fetch?: typeof fetch | undefined;
  /** A request without an answer by then counts as failed, in ms; one with a body has 1 ms more for each 32 bytes. Default 15,000. */
  timeoutMs?: number | undefined;
  /** How often a request is tried again by itself. Default 2. */
  retries?: number | undefined;
  /** Ends everything, as `close` does. */
  signal?: AbortSignal | undefined;
}

export interface RequestOptions {
  query?: Record<string, string | number | boolean | undefined> | undefined;
  /** Sent as JSON; text is JSON already. */
  body?: unknown;
  headers?: Record<string, string> | undefined;
  /** It is safe to send it again. Default: of GET alone. */
  isRepeatable?: boolean | undefined;
  subject?: RequestSubject | undefined;
  /** How long the server may take beyond the usual deadline, in ms. */
  waitMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface Transport {
  readonly signal: AbortSignal;
  /** @returns the body; undefined where there is none. @throws UnavailableError, or the error that the answer stands for */
  json<T>(method: string, path: string, options?: RequestOptions): Promise<T>;
  /** A GET whose body is no JSON. Errors as `json`. */
  bytes(path: string, options?: RequestOptions): Promise<Uint8Array>;
  /** A GET whose body goes on and on; the deadline is for its beginning. Not tried again. Errors as `json`. */
  stream(path: string, options: RequestOptions & { signal: AbortSignal }): Promise<ReadableStream<Uint8Array>>;
  close(): void;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;
/** A larger body that did not come through in time is not sent again by itself: its sender may send less. */
const SMALL_BODY_BYTES = 32 * 1024;

export function createTransport({
  url,
  token,
  fetch = platformFetch,
  timeoutMs = 15_000,
  retries = 2,
  ...options
}: ConnectOptions): Transport {
  const base = baseOf(url);
  const controller = new AbortController();
  const signal = options.signal ? AbortSignal.any([controller.signal, options.signal]) : controller.signal;

  async function attempt<T>(method: string, path: string, request: RequestOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const { query = {}, body, headers, subject = {}, waitMs = 0 } = request;
    const address = new URL(path, base);
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const bytes = text === undefined ? 0 : utf8Length(text);
    const deadlineMs = timeoutMs + sendingMs(bytes) + waitMs;
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) {
        address.searchParams.set(name, String(value));
      }
    }
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`No answer within ${deadlineMs} ms.`)), deadlineMs);
    try {
      const response = await fetch(address, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(text === undefined ? {} : { body: text }),
        signal: AbortSignal.any([signal, late.signal, ...(request.signal ? [request.signal] : [])]),
      });
      if (!response.ok) {
        throw new RefusedError(response.status, await errorOf(response, subject));
      }
      return await read(response);
    } catch (error) {
      if (error instanceof RefusedError) {
        throw error;
      }
      request.signal?.throwIfAborted();
      const message = signal.aborted
        ? 'This client is closed. Connect again.'
        : `${base.origin} does not answer ${method} ${path}. Is the server running?`;
      const isTooMuch = late.signal.aborted && bytes > SMALL_BODY_BYTES;
      throw new (isTooMuch ? TooMuchError : UnavailableError)(message, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  async function request<T>(method: string, path: string, options: RequestOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const { isRepeatable = method === 'GET' } = options;
    for (let failures = 0; ; ) {
      try {
        return await attempt(method, path, options, read);
      } catch (error) {
        failures += 1;
        const isOver =
          error instanceof RefusedError
            ? !isPassing(error.status) || error.error instanceof QueueFullError
            : !(error instanceof UnavailableError);
        if (isOver || error instanceof TooMuchError || !isRepeatable || failures > retries || signal.aborted) {
          throw error instanceof RefusedError ? error.error : error;
        }
        await createBell().wait(backoffMs(failures, FIRST_WAIT_MS, LONGEST_WAIT_MS), options.signal ?? signal);
      }
    }
  }

  return {
    signal,
    json: <T>(method: string, path: string, options: RequestOptions = {}) =>
      request(method, path, options, async (response) => (response.status === 204 ? undefined : await response.json()) as T),
    bytes: (path, options = {}) => request('GET', path, options, async (response) => new Uint8Array(await response.arrayBuffer())),
    stream: (path, options) =>
      request('GET', path, { ...options, isRepeatable: false }, async ({ body }) => body ?? new ReadableStream<Uint8Array>()),
    close: () => controller.abort(),
  };
}

/** An answer that is an error; with its status, which tells whether to try again. */
class RefusedError extends Error {
  readonly status: number;
  readonly error: TidemarkError;

  constructor(status: number, error: TidemarkError) {
    super(error.message);
    this.status = status;
    this.error = error;
  }
}

/** The time was over, and the body not small. */
class TooMuchError extends UnavailableError {}

const platformFetch: typeof fetch = (...args) => globalThis.fetch(...args);

/** Of the page where it is relative. */
function baseOf(url: string): URL {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  try {
    return new URL(url.endsWith('/') ? url : `${url}/`, page);
  } catch (error) {
    throw new TidemarkError('invalid_input', `'${url.slice(0, 200)}' is not an address: give connect({ url: 'https://…' }).`, {
      cause: error,
    });
  }
}
