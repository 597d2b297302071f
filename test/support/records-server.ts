/**
 * A server of records as there are many: a REST API with a cursor, with an offset and with links, and files of CSV. It fails, limits and hangs at random where it
 * is told to, from a seed, so that a run can be had again.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface RecordsServer {
  readonly host: string;
  readonly url: string;
  /** Paths with their queries, in order; those that failed too. */
  readonly requests: string[];
  /** What went wrong on purpose. */
  readonly faults: Record<'failed' | 'limited' | 'hung' | 'broken', number>;
  /** Chances of each, from 0 to 1. */
  trouble: Partial<Record<'failed' | 'limited' | 'hung' | 'broken', number>>;
  /** The next file breaks off after so many records, once this is done. */
  breakOnce: { after: number; when: () => Promise<void> } | undefined;
  /** Before each answer. */
  delayMs: number;
  /** Changes what a file is. */
  revision: number;
  /** Of a table. Default: `size`. */
  sizes: Record<string, number>;
  close(): Promise<void>;
}

/** What record `index` of a table is, from 1. */
function recordAt(table: string, index: number, revision = 1): Record<string, unknown> {
  return {
    id: index,
    name: `${table} ${String(index).padStart(6, '0')}`,
    amount: ((index * 37) % 10_007) / 4,
    active: index % 3 === 0,
    note: index % 5 === 0 ? null : `“${table}”, line ${index % 7}${revision === 1 ? '' : ` of revision ${revision}`}`,
  };
}

export const RECORD_COLUMNS = ['id', 'name', 'amount', 'active', 'note'];

/** Rows as a sheet shows them, below the header. */
export function expectedRows(table: string, size: number, revision = 1): unknown[][] {
  return Array.from({ length: size }, (_, index) => Object.values(recordAt(table, index + 1, revision)));
}

export async function startRecordsServer({ size, seed = 7 }: { size: number; seed?: number }): Promise<RecordsServer> {
  const random = mulberry(seed);
  const server: RecordsServer = {
    host: '',
    url: '',
    requests: [],
    faults: { failed: 0, limited: 0, hung: 0, broken: 0 },
    trouble: {},
    breakOnce: undefined,
    delayMs: 0,
    revision: 1,
    sizes: {},
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  const strikes = (kind: keyof RecordsServer['faults']) => {
    const is = random() < (server.trouble[kind] ?? 0);
    if (is) server.faults[kind] += 1;
    return is;
  };
  const http = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer({ url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    server.requests.push(url);
    const { pathname, searchParams } = new URL(url, 'http://records');
    const [, kind = '', table = ''] = pathname.split('/');
    if (server.delayMs > 0) await delay(server.delayMs);
    if (strikes('hung')) return;
    if (strikes('failed')) return void response.writeHead(500).end('broken');
    if (strikes('limited')) return void response.writeHead(429, { 'retry-after': '0' }).end();
    const total = server.sizes[table] ?? size;
    const limit = Number(searchParams.get('limit') ?? 100);
    const page = (from: number) =>
      Array.from({ length: Math.max(Math.min(limit, total - from), 0) }, (_, index) => recordAt(table, from + index + 1, server.revision));
    const json = (value: unknown, more: Record<string, string> = {}) => {
      const text = JSON.stringify(value);
      // One that breaks off in the middle says how long it would have been.
      const broken = strikes('broken');
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)), ...more });
      if (broken) response.write(text.slice(0, text.length / 2), () => response.destroy());
      else response.end(text);
    };
    switch (kind) {
      case 'cursor': {
        const from = Number(searchParams.get('cursor')?.slice(1) ?? 0);
        return json({ data: page(from), meta: { total, ...(from + limit < total ? { next: `c${from + limit}` } : {}) } });
      }
      case 'offset':
        return json(page(Number(searchParams.get('offset') ?? 0)));
      case 'link': {
        const from = Number(searchParams.get('from') ?? 0);
        return json(
          { items: page(from) },
          from + limit < total ? { link: `</link/${table}?from=${from + limit}&limit=${limit}>; rel="next"` } : {},
        );
      }
      case 'csv':
        return csv(table, total, response);
      case 'secret':
        return json([{ authorization: headers.authorization ?? null, key: headers['x-key'] ?? null, query: searchParams.get('token') }]);
      case 'moved':
        return void response.writeHead(302, { location: searchParams.get('to') ?? '/' }).end();
      case 'loop':
        return void response.writeHead(302, { location: '/loop' }).end();
      case 'status':
        return void response.writeHead(Number(table)).end();
      case 'text':
        return void response.writeHead(200, { 'content-type': 'text/plain' }).end('a'.repeat(Number(table)));
    }
    response.writeHead(404).end();
  }

  async function csv(table: string, total: number, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/csv', etag: `"${table}-${server.revision}"` });
    const { revision } = server;
    response.write(`${RECORD_COLUMNS.join(',')}\r\n`);
    for (let from = 0; from < total; from += 500) {
      const { breakOnce } = server;
      if (breakOnce && from >= breakOnce.after) {
        server.breakOnce = undefined;
        await breakOnce.when();
        return void response.destroy();
      }
      if (strikes('broken')) return void response.destroy();
      const lines = Array.from({ length: Math.min(500, total - from) }, (_, index) => {
        const { id, name, amount, active, note } = recordAt(table, from + index + 1, revision);
        return `${id},${name},${amount},${String(active).toUpperCase()},${note === null ? '' : `"${String(note)}"`}`;
      });
      if (!response.write(`${lines.join('\r\n')}\r\n`))
        await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
      if (response.destroyed) return;
    }
    response.end();
  }

  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  return Object.assign(server, { host, url: `http://${host}` });
}

/** A generator of numbers from a seed. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
