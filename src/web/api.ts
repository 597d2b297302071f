/**
 * The one place where the page talks to the server: the REST API beside it, by addresses relative to the document, with the session's cookie.
 * Errors are ProblemErrors with the API's code; 'unavailable' where nobody answers. A 401 ends the session wherever it is met.
 */
import type {
  EntryPage,
  ErrorGroup,
  Log,
  LogDetails,
  Session,
  SnapshotListing,
  Throughput,
  Tiles,
  Unit,
  UnitPage,
  WorkSelection,
  WorkStats,
} from './api-types.ts';
import { heardFromServer, lostServer } from './connection.ts';
import { createStore } from './store.ts';

export class ProblemError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProblemError';
    this.status = status;
    this.code = code;
  }
}

/** Nobody: the form to sign in takes the page's place. undefined: not known yet. */
export const session = createStore<Session | 'nobody' | undefined>(undefined);

type Query = Readonly<Record<string, string | number | undefined>>;

export function addressOf(path: string, query: Query = {}): string {
  const url = new URL(`.${path}`, document.baseURI);
  url.hash = '';
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  }
  return url.href;
}

interface RequestOptions {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

async function call<T>(method: string, path: string, { query, body, signal }: RequestOptions = {}): Promise<T> {
  const response = await fetch(addressOf(path, query), {
    method,
    credentials: 'same-origin',
    headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    signal?.throwIfAborted();
    lostServer();
    throw new ProblemError(0, 'unavailable', 'The server does not answer. It is asked again.', { cause: error });
  });
  if (!response.ok) throw await problemOf(response);
  heardFromServer();
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Also of an answer that did not come by `call`. */
export async function problemOf(response: Pick<Response, 'status' | 'text'>): Promise<ProblemError> {
  const { status } = response;
  if (status >= 502) lostServer();
  else heardFromServer();
  let problem: { code?: string; detail?: string } = {};
  try {
    problem = JSON.parse(await response.text());
  } catch {
    // Something between here and the server has answered.
  }
  if (status === 401 && session.get() !== undefined) session.set('nobody');
  return new ProblemError(
    status,
    problem.code ?? (status >= 502 ? 'unavailable' : 'unexpected'),
    problem.detail ?? `The server answered ${status}.`,
  );
}

const logPath = (id: string, rest = '') => `/logs/${encodeURIComponent(id)}${rest}`;
const get = <T>(path: string, query?: Query, signal?: AbortSignal) => call<T>('GET', path, { ...(query ? { query } : {}), signal });

export const api = {
  session: (signal?: AbortSignal) => get<Session>('/session', undefined, signal),
  signIn: (token: string) => call<void>('POST', '/session', { body: { token } }),
  signOut: () => call<void>('DELETE', '/session'),

  logs: (query: { type?: string; prefix?: string; after?: string; limit?: number }, signal?: AbortSignal) =>
    get<{ logs: Log[]; next?: string }>('/logs', query, signal),
  createLog: (id: string, type = 'sheet') => call<Log>('POST', '/logs', { body: { id, type } }),
  log: (id: string, signal?: AbortSignal) => get<LogDetails>(logPath(id), undefined, signal),
  entries: (id: string, query: { start: string; end: string; limit?: number }, signal?: AbortSignal) =>
    get<EntryPage>(logPath(id, '/entries'), { ...query, provenance: 'true' }, signal),
  eventsAddress: (id: string, from: string) => addressOf(logPath(id, '/events'), { from }),
  importAddress: (id: string, format: string) => addressOf(logPath(id, '/import'), { format }),
  snapshots: (id: string, signal?: AbortSignal) => get<{ snapshots: SnapshotListing[] }>(logPath(id, '/snapshots'), undefined, signal),
  tiles: (id: string, sequenceId: string, signal?: AbortSignal) =>
    get<Tiles>(logPath(id, `/snapshots/${sequenceId}/tiles`), undefined, signal),

  work: (query: Query, signal?: AbortSignal) => get<UnitPage>('/work', query, signal),
  unit: (id: string, signal?: AbortSignal) => get<Unit>(`/work/${encodeURIComponent(id)}`, undefined, signal),
  workStats: (signal?: AbortSignal) => get<WorkStats>('/work/stats', undefined, signal),
  throughput: (query: { minutes: number; group?: string }, signal?: AbortSignal) => get<Throughput>('/work/throughput', query, signal),
  workErrors: (signal?: AbortSignal) => get<{ errors: ErrorGroup[] }>('/work/errors', undefined, signal),
  redrive: (selection: WorkSelection) => call<{ units: number }>('POST', '/work/redrive', { body: selection }),
  discard: (selection: WorkSelection) => call<{ units: number }>('POST', '/work/discard', { body: selection }),
};
