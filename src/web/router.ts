/** Where the page is, kept in the part of its address behind the #: the server sees one document, below whatever path it is mounted. */
import { useSyncExternalStore } from 'react';

export type Route =
  | { page: 'sheets' }
  | { page: 'sheet'; id: string; query: URLSearchParams }
  | { page: 'logs' }
  | { page: 'log'; id: string }
  | { page: 'work'; query: URLSearchParams }
  | { page: 'unit'; id: string }
  | { page: 'messages' }
  | { page: 'jobs'; query: URLSearchParams }
  | { page: 'job'; id: string }
  | { page: 'schedules' }
  | { page: 'unknown' };

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#/, '').split('?');
  const query = new URLSearchParams(search);
  const [section = '', ...rest] = path.replace(/^\//, '').split('/');
  // A unit's id has slashes of its own: percent-encoded in our links, taken as they are from people's.
  const id = decode(rest.join('/'));
  if (section === '') return { page: 'sheets' };
  if (section === 'sheets') return id ? { page: 'sheet', id, query } : { page: 'sheets' };
  if (section === 'logs') return id ? { page: 'log', id } : { page: 'logs' };
  if (section === 'work') return id ? { page: 'unit', id } : { page: 'work', query };
  if (section === 'jobs') return id ? { page: 'job', id } : { page: 'jobs', query };
  if (section === 'schedules') return { page: 'schedules' };
  if (section === 'messages') return { page: 'messages' };
  return { page: 'unknown' };
}

export const links = {
  sheets: '#/',
  logs: '#/logs',
  sheet: (id: string, panel?: 'log') => `#/sheets/${encodeURIComponent(id)}${panel ? `?panel=${panel}` : ''}`,
  log: (id: string) => `#/logs/${encodeURIComponent(id)}`,
  work: (filters: Readonly<Record<string, string>> = {}) => withQuery('#/work', filters),
  jobs: (filters: Readonly<Record<string, string>> = {}) => withQuery('#/jobs', filters),
  job: (id: string) => `#/jobs/${encodeURIComponent(id)}`,
  schedules: '#/schedules',
  messages: '#/messages',
  unit: (id: string) => `#/work/${encodeURIComponent(id)}`,
};

function withQuery(hash: string, filters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value !== ''));
  return query.size > 0 ? `${hash}?${query}` : hash;
}

export function go(hash: string): void {
  window.location.hash = hash;
}

/** Like `go`, without a step in the browser's history: for filters that change while one types. */
export function goInPlace(hash: string): void {
  window.history.replaceState(null, '', hash);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useHash(): string {
  return useSyncExternalStore(
    (onChange) => {
      window.addEventListener('hashchange', onChange);
      return () => window.removeEventListener('hashchange', onChange);
    },
    () => window.location.hash,
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
