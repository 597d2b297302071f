/** Files into sheets and back by the command: real ones, and ones that are made to do harm, with the memory that they take. */
import { createWriteStream, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { DEFAULT_LIMITS } from '../../src/spreadsheet/xlsx/limits.ts';
import { createFolder, distFile, runCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { workbookParts } from '../unit/workbook-fixtures.ts';

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let env: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createFolder();
  // Every command leaves the most memory that it took, in KB.
  const memory = {
    MEMORY_FILE: join(folder.path, 'memory'),
    NODE_OPTIONS: `--require=${fileURLToPath(new URL('../support/peak-memory.cjs', import.meta.url))}`,
  };
  env = { DATABASE_URL: database.appUrl, ...memory };
});
afterAll(async () => {
  await database.drop();
  folder.remove();
});
beforeEach(() => database.ownerPool.query('delete from tidemark.work; delete from tidemark.logs'));

const memoryMiB = () => Number(readFileSync(join(folder.path, 'memory'), 'utf8')) / 1024;
const here = (name: string) => join(folder.path, name);
const example = (name: string) => fileURLToPath(new URL(`../../examples/data/${name}`, import.meta.url));

async function succeeding(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { cwd: folder.path, env });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** The last line on standard error. */
async function failing(args: string[], expected = 1): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { cwd: folder.path, env });
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).not.toContain('    at ');
  return stderr.trimEnd().split('\n').at(-1) as string;
}

async function show(range: string) {
  return JSON.parse(await succeeding(['show', 'real', range, '--json'])).values;
}

describe('a real file', () => {
  test.each([
    ['us-zipcodes.csv.gz', 42_050, { dates: 0 }, [{ column: 'A', reason: 'leading zeros', count: 3_256, example: '00501' }]],
    ['nyc-flights.csv.gz', 50_001, { dates: 50_000 }, []],
  ])('%s is imported, exported, and the same to the byte', async (name, rows, cells, notes) => {
    const result = JSON.parse(await succeeding(['import', example(name), '--sheet', 'real', '--json']));
    expect(result).toMatchObject({ rows, cells, notes });
    await succeeding(['export', 'real', 'back.csv']);
    expect(readFileSync(here('back.csv')).equals(gunzipSync(readFileSync(example(name))))).toBe(true);
  });

  test('orders.xlsx, which another program made: dates, values of formulas, merged cells, leading zeros, there and back', async () => {
    expect(await succeeding(['import', example('orders.xlsx'), '--sheet', 'real'])).toBe(
      [
        'real: 9 rows of orders.xlsx, in 8 entries.',
        '22 numbers, 11 dates, 5 booleans, 25 texts, 1 error.',
        '20 of them are formulas in the file; their last values were taken.',
        '4 merged areas: the value is in the top left cell.',
        '',
      ].join('\n'),
    );
    const values = await show('A1:I9');
    expect(values[0]).toEqual(['Orders, first quarter of 2026', ...new Array(8).fill(null)]);
    expect(values[3]).toEqual(['00501', 'Holtsville', 46_024, 46_027 + 8.5 / 24, 12, 4.5, 54, 54 / 1_000_471.07, false]);
    expect(values[8]).toEqual(['total', null, 46_112, null, 273, { type: 'CellError', value: '#DIV/0!' }, 1_000_471.07, null, 'of 5']);
    await succeeding(['export', 'real', 'again.xlsx']);
    await succeeding(['export', 'real', 'again.csv']);
    expect(readFileSync(here('again.csv'), 'utf8').split('\n')[3]).toMatch(/^00501,Holtsville,2026-01-02,2026-01-05 08:30:00,12,4.5,54,/);
    await succeeding(['import', 'again.xlsx', '--sheet', 'again']);
    expect(await succeeding(['export', 'again', '-'])).toBe(readFileSync(here('again.csv'), 'utf8'));
    await succeeding(['import', example('orders.xlsx'), '--sheet', 'notes', '--worksheet', 'Notes']);
    expect(JSON.parse(await succeeding(['show', 'notes', 'A1', '--json'])).values).toEqual([['Line one\nline two']]);
  });
});

describe('the command', () => {
  test('exports a part, as it was, or to standard output, and leaves no other file', async () => {
    writeFileSync(here('a.csv'), 'zip,n\n007,=1+2\n');
    await succeeding(['import', 'a.csv', '--sheet', 'a', '--rows-per-entry', '1']);
    expect(await succeeding(['export', 'a', '-'])).toBe('zip,n\n007,=1+2\n');
    expect(await succeeding(['export', 'a', '-', '--escape-formulas', '--delimiter', ';'])).toBe("zip;n\n007;'=1+2\n");
    expect(await succeeding(['export', 'a', '-', '--at', '1'])).toBe('zip,n\n');
    const before = readdirSync(folder.path).length;
    expect(JSON.parse(await succeeding(['export', 'a', 'part.csv', '--range', 'A2:A2', '--json']))).toEqual({
      sheet: 'a',
      file: 'part.csv',
      rows: 1,
      cells: 1,
      bytes: 4,
      sequenceId: '2',
    });
    expect(readFileSync(here('part.csv'), 'utf8')).toBe('007\n');
    expect(readdirSync(folder.path)).toHaveLength(before + 1);
  });

  test('leaves types alone where it is told to', async () => {
    writeFileSync(here('t.csv'), 'a,b\n1,2\n');
    await Promise.all([
      succeeding(['import', 't.csv', '--sheet', 'text', '--text', 'B']),
      succeeding(['import', 't.csv', '--sheet', 'off', '--types', 'off']),
    ]);
    expect(await Promise.all(['text', 'off'].map((name) => succeeding(['export', name, '-'])))).toEqual(['a,b\n1,"2"\n', 'a,b\n"1","2"\n']);
  });

  test('refuses wrong usage', async () => {
    const calls: [string[], string][] = [
      [['import', 'a.csv', '--sheet', 'a', '--text', 'B7'], "'B7' is no column"],
      [['import', 'a.csv', '--sheet', 'a', '--limit', 'size=3'], 'Use one of unpackedBytes, ratio, parts, memoryMiB'],
      [['import', 'a.csv', '--sheet', 'a', '--worksheet', 'One'], "'a.csv' has no worksheets"],
      [['export', 'a', '-', '--json'], '--json would stand in the middle of the file'],
    ];
    const lines = await Promise.all(calls.map(([args]) => failing(args, 2)));
    calls.forEach(([, message], index) => void expect(lines[index]).toContain(message));
  });
});

describe('a file that is not what its name says, or made to do harm', () => {
  async function bomb(name: string, part: string, head: string, megabytes: number, unit = '0'): Promise<string> {
    const zip = new ZipFile();
    const relation = (kind: string, target: string) =>
      `<Relationship Id="${kind}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${kind}" Target="${target}"/>`;
    const add = (path: string, text: string) => zip.addBuffer(Buffer.from(text), path);
    add('_rels/.rels', `<Relationships>${relation('officeDocument', 'xl/workbook.xml')}</Relationships>`);
    add('xl/workbook.xml', '<workbook><sheets><sheet name="One" r:id="worksheet"/></sheets></workbook>');
    add(
      'xl/_rels/workbook.xml.rels',
      `<Relationships>${relation('worksheet', 'sheet.xml')}${relation('sharedStrings', 'strings.xml')}</Relationships>`,
    );
    if (part !== 'xl/sheet.xml') add('xl/sheet.xml', '<worksheet><sheetData/></worksheet>');
    const megabyte = Buffer.from(unit.repeat(1_000_000 / unit.length));
    function* content() {
      yield Buffer.from(head);
      for (let count = 0; count < megabytes; count += 1) yield megabyte;
    }
    zip.addReadStream(Readable.from(content()), part);
    zip.end();
    await pipeline(zip.outputStream, createWriteStream(here(name)));
    return name;
  }

  test('is refused in one line and leaves nothing', async () => {
    const files: [string, string | Uint8Array, string][] = [
      ['picture.xlsx', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), "'picture.xlsx' is no XLSX workbook: it is a PNG image."],
      ['book.csv', readFileSync(example('orders.xlsx')), "'book.csv' is a ZIP archive, as XLSX workbooks are, and no CSV."],
      ['cut.xlsx', readFileSync(example('orders.xlsx')).subarray(0, 5_000), "'cut.xlsx' is no whole XLSX workbook"],
    ];
    for (const [name, content] of files) writeFileSync(here(name), content);
    const names = [...files.map(([name]) => name), '.', 'none.xlsx'];
    const lines = await Promise.all(names.map((name) => failing(['import', name, '--sheet', 'refused'])));
    expect(lines).toEqual([
      ...files.map(([, , message]) => expect.stringContaining(`tidemark: ${message}`)),
      expect.stringContaining("'.' is not a file."),
      expect.stringContaining("'none.xlsx' cannot be read (there is no such file)."),
    ]);
    const { rows } = await database.ownerPool.query('select count(*)::integer as logs from tidemark.logs');
    expect(rows[0].logs).toBe(0);
  });

  test('a bomb of 100 MB in 100 KB is refused by what its directory says, in little memory', async () => {
    await bomb('bomb.xlsx', 'xl/sheet.xml', '<worksheet><sheetData>', 100);
    expect(await failing(['import', 'bomb.xlsx', '--sheet', 'a'])).toMatch(
      /xl\/sheet.xml unpacks to \d+ times its size, \d+ bytes, over the limit of 250 times/,
    );
    expect(memoryMiB()).toBeLessThan(150);
  });

  test('one that its limits let through ends with its own thread, at the limit of memory', async () => {
    await bomb('strings.xlsx', 'xl/strings.xml', '<sst><si><t>', 200);
    const limits = ['--limit', 'ratio=2000', '--limit', 'memoryMiB=64'];
    expect(await failing(['import', 'strings.xlsx', '--sheet', 'a', ...limits])).toContain(
      "'strings.xlsx' is refused: reading it takes more than the limit of 64 MiB of memory.",
    );
    expect(memoryMiB()).toBeLessThan(350);
  });

  test('one whose cells share a long text is refused in little memory', async () => {
    const zip = new ZipFile();
    const parts = workbookParts({
      sharedStrings: `<si><t>${'x'.repeat(32_000)}</t></si>`,
      rows: `<row>${'<c t="s"><v>0</v></c>'.repeat(60_000)}</row>`,
    });
    for (const [path, text] of Object.entries(parts)) zip.addBuffer(Buffer.from(text), path);
    zip.end();
    await pipeline(zip.outputStream, createWriteStream(here('shared.xlsx')));
    expect(statSync(here('shared.xlsx')).size).toBeLessThan(10_000);
    expect(await failing(['import', 'shared.xlsx', '--sheet', 'a'])).toContain('come to more than the limit of 16777216 characters');
    expect(memoryMiB()).toBeLessThan(200);
  });

  test('one that takes long is left in the middle when the import is told to stop, before its first row too', async () => {
    const file = here(await bomb('long.xlsx', 'xl/sheet.xml', '<worksheet><sheetData>', 30, '<row/>  '));
    const { readXlsxInThread } = await import(distFile('spreadsheet/xlsx/read-in-thread.js'));
    const controller = new AbortController();
    const pages = readXlsxInThread({ file, name: 'long.xlsx', limits: { ...DEFAULT_LIMITS, ratio: 2_000 } }, controller.signal);
    const first = pages.next();
    controller.abort(new Error('stopped'));
    await expect(first).rejects.toThrow('stopped');
  });
});
