/** CSV files as a source: what is resumed, what is a record, what is said of a file that is not whole. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SourceChangedError } from '../../src/workbooks/source-errors.ts';
import { csvSource } from '../../src/workbooks/sources/csv.ts';
import { type ReadOptions, readSource, recordsOf, type SmallServer, startSmallServer } from '../support/sources.ts';

let server: SmallServer;
let file: Buffer | string;
let etag: string | undefined;
beforeAll(async () => {
  server = await startSmallServer();
  server.answer = (_, response) => {
    if (etag !== undefined) response.setHeader('etag', etag);
    response.end(file);
  };
});
beforeEach(() => {
  etag = undefined;
});
afterAll(() => server?.close());

const read = (options: Record<string, unknown> = {}, more: Partial<ReadOptions> = {}) =>
  readSource(csvSource, { url: `${server.url}/f.csv`, ...options }, { settings: { allowedHosts: [server.host] }, ...more });
const numbers = (from: number, to: number, of = 'n') =>
  `${of}\n${Array.from({ length: to - from + 1 }, (_, index) => from + index).join('\n')}\n`;

async function firstCursor(): Promise<unknown> {
  for await (const { cursor } of read()) return cursor;
}

test('goes on behind the records that are there where the ETag is another and the content is not', async () => {
  etag = '"node-1"';
  file = numbers(1, 2_500);
  const cursor = await firstCursor();
  etag = 'W/"node-2"';
  expect((await recordsOf(read({}, { cursor }))).map(({ n }) => n)).toEqual(Array.from({ length: 1_500 }, (_, index) => 1_001 + index));
});

test('is another file where one of the records before is another, or gone', async () => {
  file = numbers(1, 2_500);
  const cursor = await firstCursor();
  file = numbers(1, 2_500).replace('\n7\n', '\n8\n');
  await expect(recordsOf(read({}, { cursor }))).rejects.toThrow(SourceChangedError);
  file = numbers(1, 900);
  await expect(recordsOf(read({}, { cursor }))).rejects.toThrow(SourceChangedError);
});

test('gives signs of life while it reads what is there already', async () => {
  file = numbers(1, 100_000);
  let cursor: unknown;
  for await (const page of read()) cursor = page.cursor;
  let beats = 0;
  expect(
    await recordsOf(
      read(
        {},
        {
          cursor,
          heartbeat: async () => {
            beats += 1;
          },
        },
      ),
    ),
  ).toEqual([]);
  expect(beats).toBeGreaterThan(2);
});

test('has a column for each field, each with a name of its own', async () => {
  file = 'id,Column 3,id\n1,x,y,z\n2,a,b\n';
  expect(await recordsOf(read())).toEqual([
    { id: 1, 'Column 3': 'x', 'id (2)': 'y', 'Column 4': 'z' },
    { id: 2, 'Column 3': 'a', 'id (2)': 'b' },
  ]);
  file = 'id,Column 3\n1,x,y\n';
  expect(await recordsOf(read())).toEqual([{ id: 1, 'Column 3': 'x', 'Column 3 (2)': 'y' }]);
});

test('leaves out blank lines, unless it has one column', async () => {
  file = '\n\nid,name\n\n1,a\n\n2,b\n\n';
  expect(await recordsOf(read())).toEqual([
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ]);
  file = '\nname\na\n\nb\n';
  expect(await recordsOf(read())).toEqual([{ name: 'a' }, { name: null }, { name: 'b' }]);
});

test('may be gzip, begin with a byte order mark, have another delimiter, no header and no types', async () => {
  file = gzipSync('\uFEFF01;TRUE\n02;"a\n;b"\n');
  expect(await recordsOf(read({ delimiter: ';', header: false, types: 'off' }))).toEqual([
    { 'Column 1': '01', 'Column 2': 'TRUE' },
    { 'Column 1': '02', 'Column 2': 'a\n;b' },
  ]);
});

test('that breaks off in the middle of its gzip is asked for again', async () => {
  const whole = gzipSync(numbers(1, 20_000));
  const warnings: string[] = [];
  server.asked.length = 0;
  const { answer } = server;
  server.answer = (_, response) => void response.end(server.asked.length === 1 ? whole.subarray(0, whole.length / 2) : whole);
  const records = await recordsOf(read({}, { onWarn: (text) => warnings.push(text) }));
  server.answer = answer;
  expect(records.map(({ n }) => n)).toEqual(Array.from({ length: 20_000 }, (_, index) => index + 1));
  expect(warnings).toEqual([expect.stringContaining('broke off: its gzip data ends too early')]);
});

test.each([
  [gzipSync(Buffer.alloc(40 * 2 ** 20, 'a')), 'times their size. A source takes no more: let it be smaller.'],
  [Buffer.from('\ufeffid\n', 'utf16le'), 'is UTF-16. Save it as UTF-8 ("CSV UTF-8").'],
])('that cannot be read is told in words of a source', async (content, words) => {
  file = content;
  await expect(recordsOf(read())).rejects.toThrow(words);
});
