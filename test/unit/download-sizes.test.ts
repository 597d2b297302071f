/** What a download holds in memory and sends at once is bounded by bytes, whatever its source gives. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineSource, type SourcePage } from '../../src/workbooks/define-source.ts';
import { readAhead } from '../../src/workbooks/read-ahead.ts';
import { recordRows } from '../../src/workbooks/record-rows.ts';
import { sheetsOfDownload } from '../../src/workbooks/sheets-of-downloads.ts';

const MB = 2 ** 20;
const surroundings = {
  settings: { allowedHosts: [], secret: () => undefined },
  signal: new AbortController().signal,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  onWait: async () => {},
};

test('pages that come while others are written are one step up to some megabytes, and no more', async () => {
  const large = 'x'.repeat(9 * MB);
  let read = 0;
  const source = defineSource({
    kind: 'large',
    options: z.object({}),
    async *read() {
      for (let cursor = 1; cursor <= 8; cursor += 1) {
        read += 1;
        yield { records: [{ large }], cursor } satisfies SourcePage;
      }
    },
  });
  const reading = readAhead({ source, options: {} }, surroundings);
  await reading.next(undefined);
  // The source never waits: by now it is as far ahead as it may be.
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
  const ahead = read;
  const { records } = (await reading.next(undefined)) as SourcePage;
  expect([ahead, records.length]).toEqual([3, 2]);
  reading.close();
});

test('a step of large entries is written in calls that each hold less than 64 MiB', async () => {
  const calls: { bytes: number; records: number; columns: string[] }[] = [];
  const tx = {
    async query(_: string, values: unknown[] = []) {
      const [, , data, columns, records] = values as [string, string[], string[], string[], number];
      calls.push({ bytes: data.reduce((sum, text) => sum + text.length, 0), records, columns });
      return { rows: [{ appended: true }] };
    },
  };
  const text = 'x'.repeat(32_000);
  const columns = Array.from({ length: 30 }, (_, index) => `c${index}`);
  const record = Object.fromEntries(columns.map((column) => [column, text]));
  const page = { records: Array.from({ length: 80 }, () => record), cursor: 1 };
  const { entries, newColumns } = recordRows(page, { tableId: 't', before: 0, known: [], wanted: undefined });
  const sheets = sheetsOfDownload('tidemark', { workbookId: 'w', workId: 'job/x/1', actor: 'ann' });
  await sheets.append(tx, 'w.t.1', { entries, newColumns, records: page.records.length });
  expect(calls.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(64 * MB);
  expect(Math.max(...calls.map(({ bytes }) => bytes))).toBeLessThan(33 * MB);
  expect(calls.map((call) => [call.records, call.columns.length]).filter(([records]) => records !== 0)).toEqual([[80, 30]]);
});
