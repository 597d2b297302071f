import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';
import { MAX_ENTRY_BYTES } from '../../src/event-log/entry-data.ts';
import { MAX_ROWS } from '../../src/spreadsheet/cell.ts';
import type { CsvRecord } from '../../src/spreadsheet/csv-parser.ts';
import { csvRow } from '../../src/spreadsheet/csv-row.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { type ImportCsvOptions, importCsv } from '../../src/spreadsheet/import-csv.ts';
import { createReport } from '../../src/spreadsheet/import-report.ts';
import { type ImportProgress, importRows } from '../../src/spreadsheet/import-rows.ts';
import { openSheet, type SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { cell, newBlobs, newLog, snapshotAt } from './snapshot-fixtures.ts';

async function* chunks(content: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  for (let start = 0; start < bytes.length; start += size) {
    yield bytes.subarray(start, start + size);
  }
}

async function target() {
  return { log: await newLog<SheetEntry>([]), blobs: await newBlobs() };
}

type Target = Awaited<ReturnType<typeof target>>;
const load = (into: Target, content: string | Uint8Array, options: Partial<ImportCsvOptions> = {}) =>
  importCsv({ ...into, source: chunks(content), name: 'a.csv', ...options });

async function values({ log, blobs }: Target, rowCount: number, columnCount: number) {
  const opened = await openSheet({ log, blobs });
  return (await opened.getRange({ row: 0, column: 0, rowCount, columnCount })).map((row) => row.map(({ value }) => value));
}

const entriesOf = async (log: SheetLog) => (await log.query('start', 'end')).entries;
const csvOf = (rows: readonly (readonly (string | number)[])[]) => rows.map((row) => `${row.join(',')}\n`).join('');
const numbered = (count: number) => Array.from({ length: count }, (_, index) => [index, `name ${index}`]);

describe('the shape of a file', () => {
  test('quotes, commas and line breaks inside them, any line endings, rows of any length, bytes cut anywhere', async () => {
    const content = '\ufeffid,"a ""b"""\r\n1,"x,\r\ny",é😀\n\n,,last\r2,"",3';
    for (const size of [1, 2, 3, 7, 1_000]) {
      const into = await target();
      expect(await load(into, content, { source: chunks(content, size) })).toMatchObject({ rows: 5, rowsBefore: 0, entries: 1 });
      expect(await values(into, 5, 3)).toEqual([
        ['id', 'a "b"', null],
        [1, 'x,\r\ny', 'é😀'],
        [null, null, null],
        [null, null, 'last'],
        [2, '', 3],
      ]);
    }
  });

  test('another delimiter', async () => {
    const into = await target();
    await load(into, 'a;b,c\n1;2\n', { delimiter: ';' });
    expect(await values(into, 2, 2)).toEqual([
      ['a', 'b,c'],
      [1, 2],
    ]);
  });

  test('the example file: every field, more than 300 entries of ten rows', async () => {
    const path = fileURLToPath(new URL('../../examples/data/us-airports.csv', import.meta.url));
    const into = await target();
    const result = await importCsv({ ...into, source: createReadStream(path), name: 'us-airports.csv', rowsPerEntry: 10 });
    expect(result).toMatchObject({ rows: 3_377, entries: 338 });
    const { parse } = await import('csv-parse/sync');
    const records: string[][] = parse(await readFile(path));
    const imported = await values(into, 3_377, 7);
    expect(imported.map((row) => row.map(String))).toEqual(records);
    expect(imported[1]).toEqual(['00M', 'Thigpen', 'Bay Springs', 'MS', 'USA', 31.95376472, -89.23450472]);
  });

  test('entries stay below their limit: wide rows, long texts, and rows larger than an entry', async () => {
    const long = 'ä"'.repeat(15_000);
    const rows = [
      ...numbered(2_000),
      Array.from({ length: 3_000 }, (_, index) => `c${index}`),
      ...numbered(300),
      Array.from({ length: 60 }, () => `"${long.replaceAll('"', '""')}"`),
      ['end', 1],
    ];
    const into = await target();
    await load(into, '', { source: chunks(csvOf(rows), 50_000) });
    const entries = await entriesOf(into.log);
    expect(Math.max(...entries.map((entry) => Buffer.byteLength(JSON.stringify(entry))))).toBeLessThan(MAX_ENTRY_BYTES / 2);
    for (const entry of entries) sheet.parseEntry(entry);
    const opened = await openSheet(into);
    expect(await opened.counts()).toEqual({ rowCount: 2_303, columnCount: 3_000, cellCount: 2 * 2_300 + 3_000 + 60 + 2 });
    expect(await opened.getCell(2_301, 59)).toEqual({ value: long });
    expect(await opened.getCell(2_302, 1)).toEqual({ value: 1 });
  });
});

describe('going on', () => {
  const content = csvOf(numbered(1_000));

  /** Stops where a kill would: after some appends, between two of them. */
  async function interrupted(appends: number, options: Partial<ImportCsvOptions> = {}) {
    const into = await target();
    const controller = new AbortController();
    let count = 0;
    const stopped = load(into, content, {
      rowsPerEntry: 10,
      entriesPerAppend: 3,
      signal: controller.signal,
      onProgress: () => {
        count += 1;
        if (count === appends) controller.abort(new Error('killed'));
      },
      ...options,
    });
    await expect(stopped).rejects.toThrow('killed');
    return into;
  }

  test('after a kill: the rows that are there are left out, the others follow', async () => {
    const into = await interrupted(5);
    expect(await load(into, content, { rowsPerEntry: 25 })).toMatchObject({ rows: 1_000, rowsBefore: 150, entries: 34 });
    expect(await values(into, 1_000, 2)).toEqual(numbered(1_000));
    const covered = (await entriesOf(into.log)).flatMap((entry) =>
      entry.type === 'SetCellRange' ? entry.values.map((_, down) => entry.row + down) : [],
    );
    expect(covered).toEqual(numbered(1_000).map(([index]) => index));
  });

  test('also where the entries are truncated behind a snapshot', async () => {
    const into = await interrupted(5);
    await snapshotAt({ ...into, logType: sheet, sequenceId: 14n });
    await into.log.truncate(14n);
    expect(await load(into, content)).toMatchObject({ rowsBefore: 150 });
    await into.log.addEntry(cell(0, 5, 'edited'), 19n).catch(() => {});
    expect(await values(into, 1_000, 2)).toEqual(numbered(1_000));
  });

  test('again when all is there changes nothing; with more rows at the end takes those', async () => {
    const into = await target();
    await load(into, content);
    expect(await load(into, content)).toMatchObject({ rows: 1_000, rowsBefore: 1_000, entries: 0 });
    expect(await load(into, csvOf(numbered(1_010)))).toMatchObject({ rows: 1_010, rowsBefore: 1_000, entries: 1 });
    expect(await values(into, 1_010, 2)).toEqual(numbered(1_010));
  });

  test('with another file under the same name is refused, and changes nothing', async () => {
    for (const other of [content.replace('name 3\n', 'name x\n'), csvOf(numbered(20))]) {
      const into = await interrupted(5);
      const error = await load(into, other).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(InvalidInputError);
      expect(error.message).toContain(
        "'a.csv' is not the file whose first 150 rows are in this sheet. Import it into another sheet, or under another name.",
      );
      expect(await entriesOf(into.log)).toHaveLength(15);
    }
  });

  test('while others write to the sheet', async () => {
    const into = await target();
    let end = 0n;
    const result = await load(into, content, {
      rowsPerEntry: 50,
      entriesPerAppend: 2,
      onProgress: () => {
        end += 2n;
        void into.log.addEntry(cell(5, 9, Number(end)), end).then(({ nextSequenceId }) => {
          end = nextSequenceId;
        });
      },
    });
    expect(result).toMatchObject({ rows: 1_000, entries: 20, sequenceId: 29n });
    expect(await values(into, 1_000, 2)).toEqual(numbered(1_000));
  });

  test('reports rows and bytes after each append', async () => {
    const into = await target();
    const seen: ImportProgress[] = [];
    await load(into, content, {
      rowsPerEntry: 100,
      entriesPerAppend: 4,
      totalBytes: content.length,
      onProgress: (progress) => void seen.push(progress),
    });
    expect(seen.map(({ rows, entries }) => [rows, entries])).toEqual([
      [400, 4],
      [800, 8],
      [1_000, 10],
    ]);
    expect(seen.at(-1)).toEqual({ rows: 1_000, entries: 10, bytes: content.length, totalBytes: content.length });
  });
});

describe('a file that is wrong', () => {
  const utf16 = (text: string, bom: number[]) => Buffer.concat([Buffer.from(bom), Buffer.from(text, 'utf16le')]);

  test.each([
    [
      'a quote that is never closed',
      'a,b\n1,2\n"x,3\n4,5\n',
      "'a.csv' has a quote that is never closed; its last good record ended at line 2, column 3. Nothing was imported.",
    ],
    [
      'text after a closing quote',
      'a,b\n"1\n2",22\n"x"y,3\n',
      "'a.csv' has text after a closing quote (inside a quoted field a quote is written twice); its last good record ended at line 3, column 5. Nothing was imported.",
    ],
    [
      'a quote in an unquoted field',
      'x"y",1\n',
      "'a.csv' has a quote inside an unquoted field (quote the field, and write the quote twice) in its first record. Nothing was imported.",
    ],
    ['nothing', '', "'a.csv' is empty: there is nothing to import."],
    ['a byte order mark alone', '\ufeff', "'a.csv' is empty: there is nothing to import."],
    ['blank lines alone', '\n\n,,\n', "'a.csv' is empty: there is nothing to import."],
    [
      'UTF-16',
      utf16('a,b\n1,2\n', [0xff, 0xfe]),
      `'a.csv' is UTF-16. Save it as UTF-8 ("CSV UTF-8") and import it again. Nothing was imported.`,
    ],
    [
      'UTF-16, the other way round',
      utf16('a,b\n1,2\n', [0xfe, 0xff]),
      `'a.csv' is UTF-16. Save it as UTF-8 ("CSV UTF-8") and import it again. Nothing was imported.`,
    ],
    [
      'UTF-16 without a mark',
      utf16('a,b\n1,2\n', []),
      "'a.csv' has a NUL byte on line 1: it is no UTF-8 text. Save it as UTF-8 and import it again. Nothing was imported.",
    ],
    [
      'Latin 1',
      Buffer.from('a,b\nx,Gr\xfc\xdfe\n', 'latin1'),
      "'a.csv' is not UTF-8 near line 2. Save it as UTF-8 and import it again. Nothing was imported.",
    ],
    [
      'a character cut off at the end',
      Buffer.from('a,b\n1,é').subarray(0, -1),
      "'a.csv' is not UTF-8 near line 2. Save it as UTF-8 and import it again. Nothing was imported.",
    ],
    [
      'a text over the limit',
      `a\n${'x'.repeat(32_768)}\n`,
      "'a.csv' cannot be imported: in the record that ends on line 2, field 1, a text of 32768 characters is over the limit of 32767; shorten it. Nothing was imported.",
    ],
  ])('%s is one line that says what and where, and nothing is written', async (_, content, message) => {
    for (const size of [5, 1_000_000]) {
      const into = await target();
      const error = await load(into, content, { source: chunks(content, size) }).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(InvalidInputError);
      expect(error.message).toBe(message);
      expect(await entriesOf(into.log)).toEqual([]);
    }
  });

  test('more columns than a sheet has are refused with the limit', async () => {
    await expect(load(await target(), '', { source: chunks(`a${','.repeat(2 ** 20)}`, 1_000_000) })).rejects.toThrow(
      "'a.csv' is too large for a sheet at line 1: it ends at 1073741824 rows and 1048576 columns. Nothing was imported.",
    );
  });

  test('more rows than a sheet has are refused with the limit, when the first of them is read, and no further', async () => {
    const before = MAX_ROWS - 1_000;
    let read = 0;
    let isEnded = false;
    async function* records(): AsyncGenerator<CsvRecord> {
      try {
        while (read < 5_000) {
          read += 1;
          yield { fields: ['x'], line: before + read, characters: 2 * read };
        }
      } finally {
        isEnded = true;
      }
    }
    const into = await target();
    const report = createReport();
    const rowOf = (record: CsvRecord, index: number) =>
      csvRow(record, { name: 'a.csv', row: before + index, isText: () => true, report, bytes: record.characters });
    const refused = importRows({ name: 'a.csv', records: records(), rowOf, report }, into);
    await expect(refused).rejects.toThrow(
      "'a.csv' is too large for a sheet at line 1073741825: it ends at 1073741824 rows and 1048576 columns. Nothing was imported.",
    );
    expect({ read, isEnded }).toEqual({ read: 1_001, isEnded: true });
  });

  test('far in leaves whole entries behind, says how many rows, and goes on from there once corrected', async () => {
    const good = csvOf(numbered(1_000));
    const broken = good.replace('950,name 950', '950,"name" 950');
    const into = await target();
    const options = { rowsPerEntry: 30, entriesPerAppend: 5 };
    const error = await load(into, broken, options).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error.message).toContain(
      'its last good record ended at line 950, column 12. 900 rows are in the sheet; correct the file and import it again to go on after them.',
    );
    expect(await load(into, good, options)).toMatchObject({ rows: 1_000, rowsBefore: 900 });
    expect(await values(into, 1_000, 2)).toEqual(numbered(1_000));
  });

  test('a quote that is never closed does not take a whole large file into memory', async () => {
    async function* endless() {
      yield new TextEncoder().encode('a,b\n1,"2\n');
      const line = new TextEncoder().encode(`${'x'.repeat(1_000)}\n`.repeat(64));
      for (let count = 0; count < 10_000; count += 1) yield line;
      throw new Error('it read 640 MB');
    }
    const error = await load(await target(), '', { source: endless() }).catch((thrown) => thrown);
    expect(error.message).toContain(
      'has a record over 16777216 characters (a quote that is never closed?); its last good record ended at line 1, column 3',
    );
  });

  test('an error of reading it passes unchanged', async () => {
    const disk = Object.assign(new Error('input/output error'), { code: 'EIO' });
    async function* failing() {
      yield new TextEncoder().encode('a,b\n');
      throw disk;
    }
    expect(await load(await target(), '', { source: failing() }).catch((thrown) => thrown)).toBe(disk);
  });

  test('a sheet with other cells in it is not written over', async () => {
    const into = { log: await newLog([cell(3, 3, 'mine')]), blobs: await newBlobs() };
    await expect(load(into, 'a,b\n')).rejects.toThrow(
      "The sheet has cells that are not from an import of 'a.csv'. Import it into a new sheet.",
    );
  });
});
