import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDirectoryBlobStore, createTidemark, type Tidemark } from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createFolder, runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let env: Record<string, string>;
let tidemark: Tidemark;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createFolder();
  const path = join(folder.path, 'blobs');
  env = { DATABASE_URL: database.appUrl, TIDEMARK_BLOBS: path };
  // Does what a worker would do.
  tidemark = createTidemark({ db: database.pool, blobs: createDirectoryBlobStore({ path }) });
});
afterAll(async () => {
  await tidemark.close();
  await database.drop();
  folder.remove();
});
beforeEach(() => database.ownerPool.query('delete from tidemark.work; delete from tidemark.logs'));

const cli = (args: string[]) => runCli(args, { cwd: folder.path, env });

async function succeeding(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(args);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

async function imported(name: string, rows: number): Promise<void> {
  writeFileSync(join(folder.path, `${name}.csv`), Array.from({ length: rows }, (_, row) => `row ${row}`).join('\n'));
  await succeeding(['import', `${name}.csv`, '--sheet', name, '--rows-per-entry', '1']);
}

const idsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => Number(JSON.parse(line).sequenceId));
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe('compact', () => {
  test('asks for it once, says how to follow it, and the whole log stays readable', async () => {
    await imported('flights', 40);
    expect(await succeeding(['compact', 'flights'])).toBe(
      "compact/flights/39: asked for. See it with 'tidemark work compact/flights/39', or wait with --wait.\n",
    );
    expect(await succeeding(['compact', 'flights'])).toContain('compact/flights/39: asked for already.');
    await runUntilIdle(tidemark);
    const { rows } = await database.pool.query(`select first_sequence_id from tidemark.logs`);
    expect(rows).toEqual([{ first_sequence_id: '39' }]);

    expect(idsOf(await succeeding(['log', 'flights', '--all', '--json']))).toEqual(ids(0, 40));
    expect(idsOf(await succeeding(['log', 'flights', '--json']))).toEqual(ids(20, 40));
    expect(idsOf(await succeeding(['log', 'flights', '--from', '37', '--json']))).toEqual(ids(37, 40));
    expect(idsOf(await succeeding(['log', 'flights', '--from', '0', '--limit', '3', '--json']))).toEqual(ids(0, 3));
    expect((await succeeding(['log', 'flights', '--all'])).split('\n')[0]).toMatch(/^ {6}0 {2}SetCellRange {2}\{"row":0,/);
  });

  test('leaves every time of a sheet to go back to', async () => {
    await imported('times', 30);
    await succeeding(['compact', 'times']);
    await runUntilIdle(tidemark);
    for (const at of [7, 30]) {
      const shown = JSON.parse(await succeeding(['show', 'times', 'A1:A30', '--at', String(at), '--json']));
      expect(shown).toEqual({
        sheet: 'times',
        range: 'A1:A30',
        sequenceId: String(at),
        values: ids(0, 30).map((row) => [row < at ? `row ${row}` : null]),
      });
    }
    const { code, stderr } = await cli(['show', 'times', 'A1', '--at', '31']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('Sequence id 31 is outside this log, which holds [0, 30)'),
    });
  });

  test('with --wait says what was done', async () => {
    await imported('waited', 20);
    const running = startCli(['compact', 'waited', '--wait'], { cwd: folder.path, env });
    let over = false;
    const ended = running.ended.finally(() => {
      over = true;
    });
    while (!over) await runUntilIdle(tidemark);
    expect(await ended).toEqual({ code: 0, stderr: '', stdout: 'waited: 19 entries archived; the log begins at 19.\n' });
    expect(JSON.parse(await succeeding(['compact', 'waited', '--wait', '--json']))).toEqual({ log: 'waited', status: 'nothing-to-do' });
  });

  test('of a log that is not there, or with what contradicts itself, is refused', async () => {
    expect(await cli(['compact', 'nowhere'])).toMatchObject({ code: 1, stderr: expect.stringContaining("There is no log 'nowhere'") });
    expect(await cli(['log', 'nowhere', '--all', '--from', '3'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--all begins at the first entry'),
    });
  });
});
