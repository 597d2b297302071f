/** Files by upload to a server that is a process of its own: workbooks, which it reads in a thread, and the memory and the disk that uploads take. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { createFolder, type RunningCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const MB = 1_000_000;

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let server: RunningCli;
let url: string;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createFolder();
  mkdirSync(join(folder.path, 'tmp'));
  // A small heap, so that no garbage is taken for what is needed. Asked by a signal, it says the most memory that it has taken, in KB.
  server = startCli(['server', '--port', '0'], {
    cwd: folder.path,
    env: {
      DATABASE_URL: database.appUrl,
      TIDEMARK_AUTH: 'off',
      TMPDIR: join(folder.path, 'tmp'),
      NODE_OPTIONS: `--require=${fileURLToPath(new URL('../support/peak-memory.cjs', import.meta.url))} --max-old-space-size=100 --max-semi-space-size=4`,
    },
    timeoutMs: 120_000,
  });
  url = /"address":"(http:[^"]*?)\/?"/.exec(await server.waitFor('"running"'))?.[1] as string;
});
afterAll(async () => {
  server?.child.kill('SIGTERM');
  await server?.ended;
  await database?.drop();
  folder?.remove();
});

const leftOnDisk = () => readdirSync(join(folder.path, 'tmp')).filter((name) => name.startsWith('tidemark-'));

async function peakMemory(): Promise<number> {
  const file = join(folder.path, 'memory');
  rmSync(file, { force: true });
  server.child.kill('SIGUSR2');
  return 1_024 * Number(await until('it has said so', () => existsSync(file) && readFileSync(file, 'utf8')));
}

async function upload(
  id: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { type = XLSX, query = '', signal }: { type?: string; query?: string; signal?: AbortSignal } = {},
) {
  const response = await fetch(`${url}/logs/${id}/import${query}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: content as ReadableStream,
    duplex: 'half',
    ...(signal ? { signal } : {}),
  } as RequestInit);
  return { status: response.status, body: await response.json() };
}

const get = async (path: string) => (await fetch(`${url}/logs/${path}`)).json();

describe('a workbook', () => {
  test('is imported with its formats, and comes back by an export that is imported again', async () => {
    const orders = readFileSync(fileURLToPath(new URL('../../examples/data/orders.xlsx', import.meta.url)));
    const first = await upload('orders', orders, { query: '?name=orders.xlsx' });
    expect(first).toMatchObject({ status: 201, body: { name: 'orders.xlsx', worksheet: expect.any(String), rowsBefore: 0 } });
    const exported = await fetch(`${url}/logs/orders/export?format=xlsx`);
    expect(exported.headers.get('content-type')).toBe(XLSX);
    expect(exported.headers.get('content-disposition')).toBe('attachment; filename="orders.xlsx"');
    // By Content-Type alone, or by name.
    const again = await upload('again', new Uint8Array(await exported.arrayBuffer()), {
      type: 'application/octet-stream',
      query: '?name=a.xlsx',
    });
    expect(again).toMatchObject({ status: 201, body: { rows: first.body.rows } });
    const { rows, columns, cells } = await get('orders/sheet');
    expect(cells).toBeGreaterThan(20);
    const range = `0,0:${rows - 1},${columns - 1}`;
    const whole = await get(`orders/cells?range=${range}`);
    expect(whole.rows.flat().some((cell: { format?: string } | null) => cell?.format !== undefined)).toBe(true);
    expect((await get(`again/cells?range=${range}`)).rows).toEqual(whole.rows);
    expect(leftOnDisk()).toEqual([]);
  });

  test.each([
    ['no workbook', () => Buffer.from('a,b\n'), 'is no ZIP archive'],
    [
      'cut off',
      () => readFileSync(fileURLToPath(new URL('../../examples/data/orders.xlsx', import.meta.url))).subarray(0, 4_000),
      'Was it cut off',
    ],
    ['a zip bomb', bomb, 'unpacks to'],
  ])('that is %s is refused, and leaves nothing behind, on the disk neither', async (_, content, detail) => {
    expect(await upload('refused', await content(), { query: '?name=a.xlsx' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_input', detail: expect.stringContaining(detail) },
    });
    expect(await get('refused')).toMatchObject({ code: 'log_not_found' });
    expect(leftOnDisk()).toEqual([]);
  });

  test('whose upload breaks off leaves nothing behind', async () => {
    const gone = new AbortController();
    async function* beginning() {
      yield Buffer.from('PK\x03\x04', 'latin1');
      await until('it is on the disk', () => leftOnDisk().length > 0);
      gone.abort();
    }
    await expect(upload('broken', beginning(), { signal: gone.signal })).rejects.toThrow();
    await until('it is removed', () => leftOnDisk().length === 0);
    expect(await get('broken')).toMatchObject({ code: 'log_not_found' });
  });
});

test('a CSV file of 50 MB is never in memory as a whole', { timeout: 120_000 }, async () => {
  const line = Buffer.from(`${Array.from({ length: 10 }, (_, column) => `cell ${column} `.repeat(70)).join(',')}\n`);
  async function* lines(bytes: number) {
    const block = Buffer.concat(Array.from({ length: 20 }, () => line));
    for (let sent = 0; sent < bytes; sent += block.length) yield block;
  }
  const peakAfter = async (id: string, bytes: number) => {
    const { status, body } = await upload(id, lines(bytes), { type: 'text/csv' });
    expect(status).toBe(201);
    expect(body.rows).toBeGreaterThanOrEqual(bytes / line.length);
    return peakMemory();
  };
  const small = await peakAfter('small', 10 * MB);
  const large = await peakAfter('large', 50 * MB);
  expect(large).toBeLessThan(small + 25 * MB);
});

/** Zeros, a thousand times smaller than they are. */
async function bomb(): Promise<Buffer> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.alloc(40 * MB), 'xl/worksheets/sheet1.xml');
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
