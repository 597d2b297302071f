/**
 * The one place where the page talks to the server: the client of `tidemark/client`, at the API beside the document, with the session's cookie.
 * Errors are the library's: an UnavailableError where nobody answers. A 401 ends the session wherever it is met.
 */
import { connect } from '../client/connect.ts';
import type { EntriesPage, Session, SnapshotsPage, Tiles } from './api-types.ts';
import { heardFromServer, lostServer } from './connection.ts';
import { createStore } from './store.ts';

/** 'nobody': the form to sign in takes the page's place. undefined: not known yet. */
export const session = createStore<Session | 'nobody' | undefined>(undefined);

/** Where the page is. */
export const BASE = new URL('./', document.baseURI);

const watchedFetch: typeof fetch = async (...request) => {
  try {
    const response = await fetch(...request);
    heard(response.status);
    return response;
  } catch (error) {
    if (!request[1]?.signal?.aborted) lostServer();
    throw error;
  }
};

/** What the status of any answer tells, also of one that did not come by `fetch`. */
export function heard(status: number): void {
  if (status >= 502) lostServer();
  else heardFromServer();
  if (status === 401 && session.get() !== undefined) session.set('nobody');
}

/** Tried again once by itself: the page asks again anyway, and is to say soon that nobody answers. */
export const client = connect({ url: BASE.href, fetch: watchedFetch, retries: 1 });

const logPath = (id: string, rest: string) => `logs/${encodeURIComponent(id)}/${rest}`;

/** Routes that the client has no name for. */
export const api = {
  entries: (id: string, query: { start: string; end: string; limit: number }, signal?: AbortSignal) =>
    client.request<EntriesPage>('GET', logPath(id, 'entries'), { query: { ...query, provenance: true }, signal }),
  /** Whether anything was ever written to it. Of a log that is not there that is no error: the list begins with it, or does not have it. */
  async hasEntries(id: string): Promise<boolean> {
    const { logs } = await client.logs.list({ prefix: id, limit: 1 });
    return logs[0]?.id === id && logs[0].nextSequenceId !== '0';
  },
  /** @param name of the file: an upload of the same name goes on where the last one stopped */
  importAddress: (id: string, format: string, name: string) =>
    new URL(`${logPath(id, 'import')}?${new URLSearchParams({ format, name: name.slice(-140) })}`, BASE).href,
  snapshots: (id: string, signal?: AbortSignal) => client.request<SnapshotsPage>('GET', logPath(id, 'snapshots'), { signal }),
  tiles: (id: string, sequenceId: string, signal?: AbortSignal) =>
    client.request<Tiles>('GET', logPath(id, `snapshots/${sequenceId}/tiles`), { signal }),
};

/** Filters that a person has left empty ask for nothing. */
export function filled<T extends Readonly<Record<string, string>>>(filters: T): Partial<T> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== '')) as Partial<T>;
}
