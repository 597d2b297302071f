import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createFolder, runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let env: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createFolder();
  env = { DATABASE_URL: database.appUrl };
});
afterAll(async () => {
  await database.drop();
  folder.remove();
});
beforeEach(() => database.ownerPool.query('delete from tidemark.work; delete from tidemark.logs'));

const cli = (args: string[], input?: string | Uint8Array) =>
  runCli(args, { cwd: folder.path, env, ...(input === undefined ? {} : { input }) });

async function succeeding(args: string[], input?: string | Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await cli(args, input);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** One line on standard error (progress goes before it), and nothing on standard output. */
async function failing(args: string[], input?: string | Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await cli(args, input);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).not.toContain('    at ');
  return stderr.trimEnd().split('\n').at(-1) as string;
}

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder.path, name), content);
  return name;
}

async function tables(): Promise<{ logs: number; entries: number; work: number }> {
  const { rows } = await database.ownerPool.query(
    `select (select count(*)::integer from tidemark.logs) as logs, (select count(*)::integer from tidemark.entries) as entries,
       (select count(*)::integer from tidemark.work) as work`,
  );
  return rows[0];
}

describe('a file that is imported', () => {
  test('is in the sheet, numbers as numbers and text as text', async () => {
    write('prices.csv', 'name,price,code\n"tea, green",1.5,007\ncoffee,2,\n');
    expect(await succeeding(['import', 'prices.csv', '--sheet', 'prices'])).toBe(
      "prices: 3 rows of prices.csv, in 1 entry.\n2 numbers, 6 texts.\nColumn C: 1 text like numbers kept as text: leading zeros (as in '007').\n",
    );
    const shown = JSON.parse(await succeeding(['show', 'prices', 'A1:C4', '--json']));
    expect(shown).toEqual({
      sheet: 'prices',
      range: 'A1:C4',
      sequenceId: '1',
      values: [
        ['name', 'price', 'code'],
        ['tea, green', 1.5, '007'],
        ['coffee', 2, null],
        [null, null, null],
      ],
    });
    const table = await succeeding(['show', 'prices', 'A1:B3']);
    expect(table).toContain('2  tea, green  1.5');
    expect(table).toContain('prices: 8 cells in 3 rows and 3 columns, from 1 entry');
  });

  test('can come from standard input, with another delimiter', async () => {
    const result = JSON.parse(await succeeding(['import', '-', '--sheet', 'piped', '--delimiter', ';', '--json'], 'a;b\n1;2\n'));
    const cells = { numbers: 2, dates: 0, booleans: 0, texts: 2, errors: 0, formulas: 0, emptyFormulas: 0, mergedAreas: 0 };
    expect(result).toEqual({ sheet: 'piped', rows: 2, rowsBefore: 0, entries: 1, sequenceId: '1', cells, notes: [] });
    expect(JSON.parse(await succeeding(['show', 'piped', 'B2', '--json'])).values).toEqual([[2]]);
  });

  test('a second time changes nothing', async () => {
    write('twice.csv', 'a\n1\n2\n');
    await succeeding(['import', 'twice.csv', '--sheet', 'twice']);
    const before = await tables();
    expect(await succeeding(['import', 'twice.csv', '--sheet', 'twice'])).toBe(
      'twice: 3 rows of twice.csv (all of them were there before), in 0 entries.\n2 numbers, 1 text.\n',
    );
    expect(await tables()).toEqual(before);
  });

  test('goes on after a broken line, once that is mended', async () => {
    const good = Array.from({ length: 1_000 }, (_, row) => `${row},x${row}`);
    write('rows.csv', `${good.join('\n')}\n7,"broken\n`);
    const line = await failing(['import', 'rows.csv', '--sheet', 'rows', '--rows-per-entry', '20']);
    expect(line).toMatch(
      /^tidemark: 'rows.csv' has a quote that is never closed; its last good record ended at line 1000, column \d+\. (\d+) rows are in the sheet; /,
    );
    const there = Number(/(\d+) rows are in the sheet/.exec(line)?.[1]);
    expect(there).toBeGreaterThan(0);
    write('rows.csv', `${good.join('\n')}\n7,mended\n`);
    const result = JSON.parse(await succeeding(['import', 'rows.csv', '--sheet', 'rows', '--json']));
    expect(result).toMatchObject({ rows: 1_001, rowsBefore: there });
    const { values } = JSON.parse(await succeeding(['show', 'rows', 'A1:B1001', '--json']));
    expect(values).toEqual([...good.map((text, row) => [row, text.split(',')[1]]), [7, 'mended']]);
  });

  test('stopped halfway says how far it came, and goes on from there', async () => {
    const rows = Array.from({ length: 100_000 }, (_, row) => `${row},${'y'.repeat(40)}`);
    write('long.csv', rows.join('\n'));
    const running = startCli(['import', 'long.csv', '--sheet', 'long', '--rows-per-entry', '5'], { cwd: folder.path, env });
    const deadline = performance.now() + 20_000;
    while ((await tables()).entries < 50 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    const there = Number(
      /Stopped\. ([\d,]+) rows are in the sheet; the same command goes on after them\./.exec(stderr)?.[1]?.replaceAll(',', ''),
    );
    expect(there).toBeGreaterThanOrEqual(250);
    expect(there).toBeLessThan(100_000);
    expect((await tables()).entries).toBe(there / 5);
    const result = JSON.parse(await succeeding(['import', 'long.csv', '--sheet', 'long', '--rows-per-entry', '5000', '--json']));
    expect(result).toMatchObject({ rows: 100_000, rowsBefore: there });
    expect(JSON.parse(await succeeding(['show', 'long', 'A99999:A100000', '--json'])).values).toEqual([[99_998], [99_999]]);
  });
});

describe('a file that cannot be imported leaves nothing behind', () => {
  test.each([
    ['empty.csv', '', "'empty.csv' is empty"],
    [
      'quote.csv',
      'a,b\n1,"two\n',
      "'quote.csv' has a quote that is never closed; its last good record ended at line 1, column 3. Nothing was imported.",
    ],
    ['latin1.csv', Buffer.from('name\ncaf\xe9\n', 'latin1'), "'latin1.csv' is not UTF-8 near line 2. Save it as UTF-8"],
    ['utf16.csv', Buffer.from('\ufeffa,b\n', 'utf16le'), "'utf16.csv' is UTF-16. Save it as UTF-8"],
    ['binary.csv', Buffer.from([0x61, 0x00, 0x62]), "'binary.csv' has a NUL byte on line 1"],
  ])('%s', async (name, content, message) => {
    write(name, content);
    expect(await failing(['import', name, '--sheet', 'refused'])).toContain(`tidemark: ${message}`);
    expect(await tables()).toEqual({ logs: 0, entries: 0, work: 0 });
    expect(readdirSync(folder.path)).not.toContain('.tidemark');
  });

  test('nor is it put over other cells', async () => {
    write('one.csv', 'a\n');
    write('two.csv', 'b\n');
    await succeeding(['import', 'one.csv', '--sheet', 'taken']);
    expect(await failing(['import', 'two.csv', '--sheet', 'taken'])).toContain("cells that are not from an import of 'two.csv'");
    expect((await tables()).entries).toBe(1);
  });
});

describe('show', () => {
  test('says that there is no such sheet', async () => {
    expect(await failing(['show', 'nowhere', 'A1'])).toBe("tidemark: There is no log 'nowhere'. Create it first, or check the name.");
  });

  test('shows no cells of a log that is no sheet', async () => {
    await database.ownerPool.query(`insert into tidemark.logs (id, type) values ('other', 'account')`);
    expect(await failing(['show', 'other', 'A1'])).toContain("Log 'other' is of type 'account', not a sheet");
  });

  test('shows the sheet as it was', async () => {
    write('at.csv', 'a\nb\nc\n');
    await succeeding(['import', 'at.csv', '--sheet', 'at', '--rows-per-entry', '1']);
    expect(JSON.parse(await succeeding(['show', 'at', 'A1:A3', '--at', '2', '--json'])).values).toEqual([['a'], ['b'], [null]]);
    expect(await failing(['show', 'at', 'A1', '--at', '9'])).toContain('Sequence id 9 is outside this log, which holds [0, 3)');
  });
});

describe('log', () => {
  beforeEach(async () => {
    write('log.csv', Array.from({ length: 30 }, (_, row) => `row ${row}`).join('\n'));
    await succeeding(['import', 'log.csv', '--sheet', 'log', '--rows-per-entry', '1']);
  });

  test('prints the newest entries, or those from a place on', async () => {
    const ids = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).sequenceId);
    expect(ids(await succeeding(['log', 'log', '--limit', '3', '--json']))).toEqual(['27', '28', '29']);
    expect(ids(await succeeding(['log', 'log', '--from', '4', '--limit', '2', '--json']))).toEqual(['4', '5']);
    expect(ids(await succeeding(['log', 'log', '--from', '28', '--json']))).toEqual(['28', '29']);
    expect(await succeeding(['log', 'log', '--limit', '1'])).toMatch(/^ {5}29 {2}SetCellRange {2}\{"row":29,/);
    expect(await failing(['log', 'log', '--from', '31'])).toContain('outside this log');
    expect(await failing(['log', 'nowhere'])).toContain("There is no log 'nowhere'");
  });

  test('follows what comes, and ends well with Ctrl-C', async () => {
    const running = startCli(['log', 'log', '--follow', '--limit', '1', '--json'], { cwd: folder.path, env });
    await running.waitFor('"sequenceId":"29"');
    await database.ownerPool.query(
      `select * from tidemark.append_entries('log', null, '{SetCellValueAndFormat}', array['{"row":0,"column":0,"value":"new"}'])`,
    );
    const seen = await running.waitFor('"sequenceId":"30"');
    expect(seen).toContain('"value":"new"');
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(0);
  });
});
