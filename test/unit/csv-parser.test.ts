/** Records of CSV text: the same as those of csv-parse, whatever the text and wherever it is cut, and in bounded memory. */
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvBytes } from '../../src/spreadsheet/csv-bytes.ts';
import { type CsvRecord, createCsvParser } from '../../src/spreadsheet/csv-parser.ts';
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from '../../src/spreadsheet/unpack-limits.ts';
import { load, newSheet } from './file-fixtures.ts';

function recordsOf(pieces: Iterable<string>, delimiter = ','): CsvRecord[] {
  const parser = createCsvParser(delimiter, 'a.csv');
  const records: CsvRecord[] = [];
  for (const piece of pieces) records.push(...parser.read(piece));
  records.push(...parser.end());
  return records;
}

function cutInto(text: string, size: number): string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size));
}

function outcomeOf<T>(body: () => T): T | 'refused' {
  try {
    return body();
  } catch {
    return 'refused';
  }
}

describe('records', () => {
  test('are those that csv-parse reads, and what it refuses is refused', () => {
    const text = fc.string({ unit: fc.constantFrom('"', '"', ',', ';', '\n', '\r', '\r\n', 'a', 'é', '😀', ' '), maxLength: 30 });
    const options = { relax_column_count: true, record_delimiter: ['\r\n', '\n', '\r'] };
    let read = 0;
    fc.assert(
      fc.property(text, fc.constantFrom(',', ';'), fc.integer({ min: 1, max: 9 }), (content, delimiter, size) => {
        const expected = outcomeOf(() => parse(content, { ...options, delimiter }) as string[][]);
        expect(outcomeOf(() => recordsOf(cutInto(content, size), delimiter).map(({ fields }) => fields))).toEqual(expected);
        read += expected === 'refused' ? 0 : 1;
      }),
      { numRuns: 2_000 },
    );
    expect(read).toBeGreaterThan(200);
  });

  test('say which fields stand in quotes, and where they end', () => {
    for (const size of [1, 3, 100]) {
      expect(recordsOf(cutInto('a,"b\r\nc""\nd"\r\n"",\r\rx', size))).toEqual([
        { fields: ['a', 'b\r\nc"\nd'], quoted: [undefined, true], line: 3, characters: 12 },
        { fields: ['', ''], quoted: [true], line: 4, characters: 17 },
        { fields: [''], quoted: undefined, line: 5, characters: 18 },
        { fields: ['x'], quoted: undefined, line: 6, characters: 20 },
      ]);
    }
  });
});

describe('a record that never ends', () => {
  /** Until the parser refuses. */
  function readUntilRefused(piece: string, start = ''): { read: number; message: string } {
    const parser = createCsvParser(',', 'a.csv');
    let read = 0;
    try {
      for (const _ of parser.read(start)) {
        // Good ones before it.
      }
      for (; read < 64 * 2 ** 20; read += piece.length) parser.read(piece).next();
      return { read, message: 'none' };
    } catch (error) {
      return { read, message: (error as Error).message };
    }
  }

  test('is refused at the columns of a sheet, not after them', () => {
    expect(readUntilRefused(','.repeat(2 ** 14), 'a\n')).toEqual({
      read: 2 ** 20,
      message: "'a.csv' is too large for a sheet at line 2: it ends at 1073741824 rows and 1048576 columns.",
    });
  });

  test.each([
    ['a field without an end', 'x'.repeat(2 ** 16), ''],
    ['a quote that is never closed', 'x\n'.repeat(2 ** 15), '"'],
    ['a field with quotes', '""xxxxxxxxxxxxxx'.repeat(2 ** 12), '"'],
    ['long fields', `${'x'.repeat(2 ** 16 - 1)},`, ''],
  ])('is refused at 16 Mi characters: %s', (_, piece, start) => {
    const { read, message } = readUntilRefused(piece, `a,b\n${start}`);
    expect(read).toBe(2 ** 24 - (start === '' ? 0 : 2 ** 16));
    expect(message).toBe(
      "'a.csv' has a record over 16777216 characters (a quote that is never closed?); its last good record ended at line 1, column 3.",
    );
  });
});

describe('a small file in gzip that unpacks to much', () => {
  async function unpacked(content: Uint8Array, limits: Partial<UnpackLimits> = {}): Promise<number> {
    async function* source() {
      yield content;
    }
    let length = 0;
    for await (const bytes of csvBytes(source(), { name: 'a.csv', limits: { ...DEFAULT_UNPACK_LIMITS, ...limits } }))
      length += bytes.length;
    return length;
  }

  test('is refused past 16 MiB at more than 250 times its size', async () => {
    await expect(unpacked(gzipSync('x'.repeat(20_000_000)))).rejects.toThrow(
      /^'a.csv' is refused: \d+ bytes of it unpack to 16[78]\d{5}, over the limit of 250 times their size\. If you trust the file, raise the limit \(ratio\)\.$/,
    );
    expect(await unpacked(gzipSync('x'.repeat(20_000_000)), { ratio: 2_000 })).toBe(20_000_000);
    expect(await unpacked(gzipSync('x'.repeat(16_000_000)))).toBe(16_000_000);
  });

  test('is refused at the bytes that it may unpack to', async () => {
    const content = gzipSync(Array.from({ length: 1_000 }, (_, row) => `${row},${Math.sin(row)}\n`).join(''));
    await expect(load(await newSheet(), content, { limits: { unpackedBytes: 20_000 } })).rejects.toThrow(
      "'a.csv' is refused: it unpacks to more than the limit of 20000 bytes. If you trust the file, raise the limit (unpackedBytes). Nothing was imported.",
    );
    expect(await load(await newSheet(), content, { limits: { unpackedBytes: 25_000 } })).toMatchObject({ rows: 1_000 });
  });
});

describe('an import of rows without cells', () => {
  test('can be stopped, and lets other work happen meanwhile', async () => {
    const controller = new AbortController();
    let chunks = 0;
    async function* source() {
      for (; chunks < 200; chunks += 1) yield Buffer.alloc(2 ** 14, '\n');
    }
    const timer = setTimeout(() => controller.abort(new Error('killed')), 1);
    const stopped = load(await newSheet(), '', { source: source(), signal: controller.signal });
    await expect(stopped).rejects.toThrow('killed');
    clearTimeout(timer);
    expect(chunks).toBeLessThan(200);
  });
});

test('a delimiter that is not one character is refused', async () => {
  for (const delimiter of ['', '||', '"', '\n']) {
    await expect(load(await newSheet(), 'a\n', { delimiter })).rejects.toThrow('use one character');
  }
});
