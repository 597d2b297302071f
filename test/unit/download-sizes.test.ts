/** What a download holds in memory and sends at once is bounded by bytes, whatever its source gives; and it is not silent for long. */
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { MAX_ENTRY_BYTES } from '../../src/event-log/entry-data.ts';
import { beatWhile } from '../../src/workbooks/beat-while.ts';
import { defineSource, type SourcePage } from '../../src/workbooks/define-source.ts';
import { readAhead } from '../../src/workbooks/read-ahead.ts';
import { recordRows } from '../../src/workbooks/record-rows.ts';
import { sheetsOfDownload } from '../../src/workbooks/sheets-of-downloads.ts';

const MB = 2 ** 20;
const surroundings = {
  settings: { allowedHosts: [], secretHosts: {}, variable: () => undefined },
  signal: new AbortController().signal,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  onWait: async () => {},
  heartbeat: async () => {},
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
  const reading = readAhead({ source, options: {}, columns: undefined }, surroundings);
  await reading.next(undefined);
  // The source never waits: by now it is as far ahead as it may be.
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
  const ahead = read;
  const { records } = (await reading.next(undefined)) as SourcePage;
  expect([ahead, records.length]).toEqual([3, 2]);
  reading.close();
});

test('a call that takes long gives a sign of life every twenty seconds, and none when it has ended', async () => {
  vi.useFakeTimers();
  try {
    let beats = 0;
    let end = () => {};
    const call = beatWhile(
      new Promise<void>((resolve) => {
        end = resolve;
      }),
      async () => {
        beats += 1;
        if (beats === 2) throw new Error('another attempt has taken over: the next step says so');
      },
    );
    await vi.advanceTimersByTimeAsync(65_000);
    expect(beats).toBe(3);
    end();
    await call;
    await vi.advanceTimersByTimeAsync(65_000);
    expect(beats).toBe(3);
  } finally {
    vi.useRealTimers();
  }
});

test('a step is written in calls of so few entries that 64 MiB hold them, and its records are counted once', async () => {
  const calls: { entries: number; records: number; columns: string[] }[] = [];
  const tx = {
    async query(_: string, values: unknown[] = []) {
      const [, types, , columns, records] = values as [string, string[], string[], string[], number];
      calls.push({ entries: types.length, records, columns });
      return { rows: [{ appended: true }] };
    },
  };
  // An entry has 500 rows, one of its own the header.
  const page = { records: Array.from({ length: 40 * 500 }, (_, n) => ({ n })), cursor: 1 };
  const { entries, newColumns } = recordRows(page, { tableId: 't', before: 0, known: [], wanted: undefined });
  const sheets = sheetsOfDownload('tidemark', { workbookId: 'w', workId: 'job/x/1', actor: 'ann' });
  await sheets.append(tx, 'w.t.1', { entries, newColumns, records: page.records.length });
  expect(calls).toEqual([
    { entries: 32, records: 20_000, columns: ['n'] },
    { entries: 9, records: 0, columns: [] },
  ]);
  expect(32 * MAX_ENTRY_BYTES).toBeLessThan(64 * MB);
});
