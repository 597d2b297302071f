/** How the edits that wait are put into appends that come through. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { InvalidInputError, TidemarkError } from '../../src/errors.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { liveSheets } from '../support/live-sheets.ts';
import { newBlobs, newLog } from './snapshot-fixtures.ts';

const live = liveSheets(onTestFinished);
const bytesIn = (entries: readonly unknown[]) => Buffer.byteLength(JSON.stringify(entries));

/** A log whose appends may fail, and what was sent to it: as many bytes as that. */
async function watchedLog(fail: (entries: readonly SheetEntry[], sent: number) => Error | undefined) {
  const log: SheetLog = await newLog([]);
  const sent: number[] = [];
  const watched: SheetLog = {
    ...log,
    async addEntries(entries, ...rest) {
      sent.push(bytesIn(entries));
      const error = fail(entries, sent.length);
      if (error) throw error;
      return log.addEntries(entries, ...rest);
    },
  };
  const opened = await live(watched, await newBlobs());
  /** @returns when all are in the log: the bytes of each append */
  const write = async (values: readonly string[]) => {
    await Promise.all(values.map((value, index) => opened.setCell(index, 0, value)));
    return sent;
  };
  return { opened, sent, write };
}

const texts = (count: number, length: number) => Array.from({ length: count }, () => 'x'.repeat(length));

describe('edits that wait', () => {
  test('go in appends of at most a million bytes, whatever their characters', async () => {
    const { write } = await watchedLog(() => undefined);
    const sent = await write(Array.from({ length: 120 }, () => '漢'.repeat(10_000)));
    expect(Math.max(...sent)).toBeLessThan(1_010_000);
    expect(sent.length).toBeLessThanOrEqual(6);
  });

  test('that are too large together go in smaller appends, and so does the rest of them', async () => {
    const { write } = await watchedLog((entries) => (bytesIn(entries) > 60_000 ? new TidemarkError('too_large', 'too large') : undefined));
    const sent = await write(texts(200, 10_000));
    const refused = sent.filter((bytes) => bytes > 60_000);
    expect(refused.length, 'a million bytes halved until they fit').toBeLessThanOrEqual(5);
    expect(sent.length - refused.length, 'and nothing goes one by one').toBeLessThan(100);
  });

  test('that break the connection go in smaller appends, until they come through', async () => {
    const { write } = await watchedLog((entries) => (bytesIn(entries) > 150_000 ? new Error('the connection broke') : undefined));
    const sent = await write(texts(100, 10_000));
    expect(sent.filter((bytes) => bytes > 150_000).length).toBeLessThanOrEqual(3);
    expect(sent.length).toBeLessThan(20);
  });

  test('while the log does not answer go together once it does: they are not too large', async () => {
    const { opened, sent, write } = await watchedLog((_, count) => (count <= 6 ? new Error('connection refused') : undefined));
    await write(texts(300, 10));
    await opened.flush();
    expect(sent).toHaveLength(7);
  });

  test('of which one is refused find it in few appends, and go together again', async () => {
    const { opened, sent } = await watchedLog((entries) =>
      entries.some((entry) => 'value' in entry && entry.value === 'bad') ? new InvalidInputError('not today') : undefined,
    );
    const edits = Array.from({ length: 400 }, (_, index) => opened.setCell(index, 0, index === 333 ? 'bad' : 'good'));
    const settled = await Promise.allSettled(edits);
    expect(settled.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([333]);
    expect(sent.length).toBeLessThan(30);
  });
});
