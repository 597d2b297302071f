/** A server of records in a process of its own, so that what it costs is on neither side of a figure. Prints its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const { records, pageSize } = JSON.parse(process.argv[2] ?? '') as { records: number; pageSize: number };
const pages = new Map<string, string>();

/** Made once each. */
function pageOf(table: string, from: number): string {
  const key = `${table}/${from}`;
  const known = pages.get(key);
  if (known !== undefined) return known;
  const data = Array.from({ length: Math.min(pageSize, records - from) }, (_, index) => ({
    id: from + index + 1,
    name: `${table} ${from + index + 1}`,
    amount: (((from + index) * 37) % 1_000) / 4,
    active: index % 2 === 0,
    city: ['Berlin', 'Paris', 'Oslo'][index % 3],
  }));
  const next = from + pageSize < records ? { next: String(from + pageSize) } : {};
  const text = JSON.stringify({ data, total: records, ...next });
  pages.set(key, text);
  return text;
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://records');
  response.writeHead(200, { 'content-type': 'application/json' }).end(pageOf(pathname.slice(1), Number(searchParams.get('cursor') ?? 0)));
});
server.listen(0, '127.0.0.1', () => {
  console.log(`port ${(server.address() as AddressInfo).port}`);
  console.log('up');
});
