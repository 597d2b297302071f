/**
 * Requests to sources. Each has a deadline and a limit of bytes; what is worth another try is tried again at growing intervals, and a server that says when
 * (Retry-After) is asked then. Redirects are followed to allowed hosts alone, and what proves who asks is sent to the first one only.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../errors.ts';
import { RetryAfterError } from '../work/retry-policy.ts';
import { requireAllowed } from './allowed-hosts.ts';
import { BEAT_MS, beatWhile } from './beat-while.ts';
import { parseExactJson } from './exact-json.ts';
import { parseRetryAfter } from './retry-after.ts';
import { SourceRefusedError, SourceUnavailableError } from './source-errors.ts';

export interface SourceHttpOptions {
  /** Of one answer, and of a stream between two pieces of it. Default 30,000. */
  timeoutMs?: number | undefined;
  /** Of one request, in a row. Default 8. */
  attempts?: number | undefined;
  /** Default: as many as it takes. */
  requestsPerSecond?: number | undefined;
  /** Bytes of one answer, unpacked. Default 32 MiB, of a stream 4 GiB. */
  maxBytes?: number | undefined;
}

export interface SourceRequest {
  headers?: Readonly<Record<string, string>> | undefined;
  /** Headers that prove who asks: not sent on to another host. */
  credentials?: Readonly<Record<string, string>> | undefined;
}

export interface SourceHttp {
  /**
   * An answer of JSON. A whole number that a JavaScript number does not hold (above 2^53) is the text that the server wrote.
   * @throws SourceUnavailableError, SourceRefusedError, RetryAfterError; the signal's reason
   */
  json(url: URL, request?: SourceRequest): Promise<{ value: unknown; headers: Headers }>;
  /** An answer as it comes. What breaks while it does is a SourceUnavailableError of its iteration: not tried again here. */
  stream(url: URL, request?: SourceRequest): Promise<{ bytes: AsyncIterable<Uint8Array>; headers: Headers }>;
}

export interface SourceHttpSurroundings {
  allowedHosts: readonly string[];
  signal: AbortSignal;
  /** Something is waited for: for people, and a sign of life. */
  onWait(text: string): Promise<void>;
  /** A sign of life alone. */
  heartbeat(): Promise<void>;
}

const MAX_JSON_BYTES = 32 * 2 ** 20;
const MAX_STREAM_BYTES = 4 * 2 ** 30;
const MAX_REDIRECTS = 5;
const LEAST_WAIT_MS = 20;
const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 30_000;
/** What a server asks for is waited for here up to this; for longer the job ends its attempt and comes back. */
const MAX_RETRY_AFTER_MS = 15 * 60_000;
/** Waits that the server asked for are no failures; so many in a row are. Each is at least twice as long as the one before, up to MAX_WAIT_MS. */
const MAX_RATE_LIMITED = 500;
const TRY_AGAIN: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
/** With a Retry-After they are limits; a 403 without one says no. */
const MAY_LIMIT: ReadonlySet<number> = new Set([403, 429, 503]);

/** A refusal for now. */
class TryAgain extends Error {
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export function createSourceHttp(
  { allowedHosts, signal, onWait, heartbeat }: SourceHttpSurroundings,
  { timeoutMs = 30_000, attempts = 8, requestsPerSecond, maxBytes }: SourceHttpOptions = {},
): SourceHttp {
  let nextAt = 0;

  /** At an even pace, where one is asked for. */
  async function pace(): Promise<void> {
    if (requestsPerSecond === undefined) return;
    const now = performance.now();
    const waitMs = nextAt - now;
    nextAt = Math.max(now, nextAt) + 1_000 / requestsPerSecond;
    if (waitMs > 0) await wait(waitMs, () => heartbeat());
  }

  async function wait(ms: number, beat: (left: number) => Promise<void>): Promise<void> {
    for (let left = ms; left > 0; left -= BEAT_MS) {
      await beat(left);
      await delay(Math.min(left, BEAT_MS), undefined, { signal });
    }
  }

  async function again<T>(url: URL, once: () => Promise<T>): Promise<T> {
    for (let failures = 0, limited = 0; ; ) {
      signal.throwIfAborted();
      await pace();
      try {
        return await beatWhile(once(), heartbeat);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof TryAgain)) throw error;
        const { retryAfterMs, message } = error;
        if (retryAfterMs !== undefined && retryAfterMs > MAX_RETRY_AFTER_MS) {
          throw new RetryAfterError(`${message}.`, retryAfterMs);
        }
        failures += retryAfterMs === undefined ? 1 : 0;
        limited += retryAfterMs === undefined ? 0 : 1;
        if (failures >= attempts || limited >= MAX_RATE_LIMITED) {
          throw new SourceUnavailableError(
            `${message} (asked ${failures + limited} times). The download goes on from here when ${url.host} answers.`,
            {
              cause: error,
            },
          );
        }
        const growing =
          retryAfterMs === undefined
            ? Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), MAX_WAIT_MS) * (0.8 + 0.2 * Math.random())
            : Math.max(retryAfterMs, Math.min(LEAST_WAIT_MS * 2 ** (limited - 1), MAX_WAIT_MS));
        await wait(growing, (left) => onWait(`${message}; asking again in ${Math.ceil(left / 1_000)} s`));
      }
    }
  }

  /** One request: until `read` has what it needs of the answer. */
  async function send<T>(
    url: URL,
    request: SourceRequest,
    stop: AbortController,
    read: (response: Response) => Promise<T> | T,
  ): Promise<T> {
    const timer = setTimeout(() => stop.abort(), timeoutMs);
    try {
      const response = await follow(url, request, AbortSignal.any([signal, stop.signal]));
      await checkStatus(url, response);
      return await read(response);
    } catch (error) {
      signal.throwIfAborted();
      throw stop.signal.aborted ? new TryAgain(`${url.host} did not answer within ${timeoutMs} ms`) : failureOf(url, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async function follow(first: URL, { headers, credentials }: SourceRequest, stop: AbortSignal): Promise<Response> {
    let url = first;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      requireAllowed(url, allowedHosts);
      const response = await fetch(url, {
        redirect: 'manual',
        headers: { 'user-agent': 'tidemark', ...headers, ...(url.origin === first.origin ? credentials : {}) },
        signal: stop,
      });
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) {
        return response;
      }
      await response.body?.cancel();
      url = redirectTarget(url, location);
    }
    throw new SourceRefusedError(`${first.host} redirects more than ${MAX_REDIRECTS} times. Give the address that it leads to.`);
  }

  return {
    json: (url, request = {}) =>
      again(url, () =>
        send(url, { ...request, headers: { accept: 'application/json', ...request.headers } }, new AbortController(), async (response) => {
          const pieces: Uint8Array[] = [];
          for await (const bytes of upTo(maxBytes ?? MAX_JSON_BYTES, url, response)) pieces.push(bytes);
          return {
            value: parseJson(
              url,
              Buffer.concat(pieces)
                .toString('utf8')
                .replace(/^\uFEFF/, ''),
            ),
            headers: response.headers,
          };
        }),
      ),

    stream: (url, request = {}) =>
      again(url, async () => {
        const stop = new AbortController();
        const response = await send(url, request, stop, (answer) => answer);
        async function* bytes(): AsyncGenerator<Uint8Array> {
          let timer = setTimeout(() => stop.abort(), timeoutMs);
          try {
            for await (const chunk of upTo(maxBytes ?? MAX_STREAM_BYTES, url, response)) {
              clearTimeout(timer);
              yield chunk;
              timer = setTimeout(() => stop.abort(), timeoutMs);
            }
          } catch (error) {
            signal.throwIfAborted();
            if (error instanceof SourceRefusedError) throw error;
            throw new SourceUnavailableError(
              stop.signal.aborted
                ? `${url.host} has sent nothing for ${timeoutMs} ms.`
                : `The answer of ${url.host} broke off: ${errorMessage(error)}.`,
              { cause: error },
            );
          } finally {
            clearTimeout(timer);
            stop.abort();
          }
        }
        return { bytes: bytes(), headers: response.headers };
      }),
  };
}

function redirectTarget(from: URL, location: string): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (target === undefined || !/^https?:$/.test(target.protocol) || target.username !== '' || target.password !== '') {
    throw new SourceRefusedError(`${from.host} redirects to what is no address of HTTP. Give the address of the data itself.`);
  }
  return target;
}

async function checkStatus(url: URL, response: Response): Promise<void> {
  const { status, headers } = response;
  if (status === 200) return;
  await response.body?.cancel();
  const retryAfterMs = MAY_LIMIT.has(status) ? parseRetryAfter(headers.get('retry-after')) : undefined;
  if (TRY_AGAIN.has(status) || retryAfterMs !== undefined) {
    throw new TryAgain(`${url.host} answered ${status}`, retryAfterMs);
  }
  const fix = status === 401 || status === 403 ? 'Check its auth and the secret that it names.' : 'Check its url.';
  throw new SourceRefusedError(`${url.host} answered ${status} to ${url.pathname}. ${fix}`);
}

function failureOf(url: URL, error: unknown): unknown {
  if (error instanceof SourceRefusedError || error instanceof TryAgain) {
    return error;
  }
  // What fetch throws says why in its cause. Without one it is about what was to be sent, and repeats it.
  const { cause } = error as { cause?: unknown };
  if (cause === undefined && error instanceof TypeError) {
    return new SourceRefusedError(`${url.host} cannot be asked like that: a header holds what no header may. Check headers and secrets.`);
  }
  return new TryAgain(`${url.host} did not answer: ${errorMessage(cause ?? error)}`);
}

async function* upTo(most: number, url: URL, { body }: Response): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > most) {
      throw new SourceRefusedError(`An answer of ${url.host} has more than ${most} bytes. Ask for smaller pages.`);
    }
    yield chunk;
  }
}

function parseJson(url: URL, text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    throw new TryAgain(`${url.host} answered what is no JSON (${text.length} characters)`);
  }
}
