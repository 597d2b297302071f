/** Erasure on Postgres: the values are nowhere any more, everything else is what it was, whoever is at the log and whatever fails meanwhile. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { BlobDir, BlobStore } from '../../src/blob-store/blob-store.ts';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { swapErased } from '../../src/erasure/swap-erased.ts';
import {
  BlobNotFoundError,
  type CellValue,
  createMemoryBlobStore,
  createTidemark,
  defineLogType,
  eraseCells,
  InvalidInputError,
  LogNotFoundError,
  openSheet,
  type SheetEntry,
  sheet,
  type Tidemark,
  withHistory,
} from '../../src/index.ts';
import { unitHandlers } from '../../src/registry.ts';
import { applyEntry } from '../../src/snapshots/replay.ts';
import { parseRange } from '../../src/spreadsheet/a1.ts';
import { ERASED } from '../../src/spreadsheet/cell.ts';
import { readCells } from '../../src/spreadsheet/read-cells.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { failWork, recordProgress } from '../../src/work/end.ts';
import { runUnit } from '../../src/work/run-unit.ts';
import type { UnitHandler } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { findTexts } from '../support/erased.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;
let tidemark: Tidemark;
const blobs = createMemoryBlobStore();

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 20 });
  work = workRows(database);
  tidemark = createTidemark({ db: database.pool, blobs });
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const newId = () => `s-${randomUUID().slice(0, 8)}`;
const logOf = (id: string) => tidemark.log(sheet, id);
const dirOf = (id: string) => blobsOfLog(blobs, id);
const cell = (row: number, column: number, value: CellValue, format?: string): SheetEntry => ({
  type: 'SetCellValueAndFormat',
  row,
  column,
  value,
  ...(format === undefined ? {} : { format }),
});
const ranges = (text: string) => text.split(',').map(parseRange);

async function append(id: string, entries: SheetEntry[], pending?: string): Promise<bigint> {
  const { nextSequenceId } = await logOf(id).append(entries, { expect: 'any', ...(pending ? { pending } : {}) });
  return nextSequenceId - 1n;
}

async function erased(id: string, cells: string): Promise<{ workId: string; sequenceId: bigint }> {
  const asked = await eraseCells(logOf(id), { ranges: ranges(cells) });
  await runUntilIdle(tidemark);
  expect(await work.row(asked.workId)).toMatchObject({ state: 'done', error: null });
  return asked;
}

const open = async (id: string, at?: bigint) => {
  const dir = await dirOf(id);
  return openSheet({ log: withHistory({ log: logOf(id).eventLog, blobs: dir }), blobs: dir, ...(at === undefined ? {} : { at }) });
};
const valuesIn = async (id: string, range: string, at?: bigint) =>
  (await (await open(id, at)).getRange(parseRange(range))).map((row) => row.map(({ value }) => value));
const nowhere = async (id: string, ...texts: string[]) => expect(await findTexts(database, await dirOf(id), ...texts)).toEqual([]);
const somewhere = async (id: string, text: string) => expect(await findTexts(database, await dirOf(id), text)).not.toEqual([]);

/** By every entry there is, from the first one on, without any snapshot. */
async function foldOfAll(id: string, range: string): Promise<CellValue[][]> {
  let state = sheet.initial();
  for await (const { entry, sequenceId } of logOf(id).entries()) state = applyEntry(sheet, state, entry, sequenceId);
  const cells = await readCells(state, parseRange(range), { blobs: await dirOf(id) });
  return cells.map((row) => row.map(({ value }) => value));
}

describe('after an erasure the values are nowhere, and the sheet shows the marker', () => {
  test('where only the log has them; cells around stay, newer values too', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one'), cell(0, 1, 'public'), cell(1, 0, 'secret-two', '@'), cell(0, 0, 'secret-three')]);
    await somewhere(id, 'secret-three');
    const { sequenceId } = await eraseCells(logOf(id), { ranges: ranges('A1:A3'), reason: 'request 17' });
    // At once, for everybody who follows the log.
    expect(await valuesIn(id, 'A1:B3')).toEqual([
      [ERASED, 'public'],
      [ERASED, null],
      [ERASED, null],
    ]);
    await append(id, [cell(0, 0, 'newer')]);
    await runUntilIdle(tidemark);
    await nowhere(id, 'secret-');
    expect(await work.entry(id, sequenceId)).toEqual({ pending: null, snapshot: expect.stringMatching(/^sheet-v1-4-/), history: null });
    const after = [
      ['newer', 'public'],
      [ERASED, null],
      [ERASED, null],
    ];
    expect(await valuesIn(id, 'A1:B3')).toEqual(after);
    expect(await foldOfAll(id, 'A1:B3')).toEqual(after);
    expect(await valuesIn(id, 'A1:B3', 3n)).toEqual([
      [ERASED, 'public'],
      [ERASED, null],
      [null, null],
    ]);
    const { entries } = await logOf(id).eventLog.query('start', 'end');
    expect(entries[2]).toEqual({ ...cell(1, 0, ERASED, '@') });
    expect(entries[4]).toMatchObject({ type: 'EraseCells', reason: 'request 17' });
    expect(await work.row(`erase/${id}/4`)).toMatchObject({ result: { entries: 3, segments: 0, blobs: 0 } });
  });

  test('where only a snapshot has them', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one'), cell(500, 3, 'secret-two'), cell(1, 1, 'public')]);
    const at = await append(id, [cell(2, 2, 'public too')], 'snapshot');
    await runUntilIdle(tidemark);
    await logOf(id).eventLog.truncate(at);
    await erased(id, 'A1,D501');
    await nowhere(id, 'secret-');
    expect(await valuesIn(id, 'A1:C3')).toEqual([
      [ERASED, null, null],
      [null, 'public', null],
      [null, null, 'public too'],
    ]);
    expect(await valuesIn(id, 'D501')).toEqual([[ERASED]]);
  });

  test('where only the history has them: parts without them are the same blobs as before', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one'), cell(1, 1, 'public')]);
    await append(id, [cell(0, 0, null)], 'compact');
    await runUntilIdle(tidemark);
    await append(
      id,
      Array.from({ length: 5 }, (_, row) => cell(row, 5, 'later')),
    );
    await append(id, [cell(9, 9, 'last')], 'compact');
    await runUntilIdle(tidemark);
    const segments = async () => (await (await dirOf(id)).query()).blobs.filter((name) => name.startsWith('segment-'));
    const before = await segments();
    await somewhere(id, 'secret-one');
    const { sequenceId } = await erased(id, 'A1');
    await nowhere(id, 'secret-');
    expect(await work.row(`erase/${id}/${sequenceId}`)).toMatchObject({ result: { entries: 1, segments: 1 } });
    expect((await segments()).filter((name) => before.includes(name))).toEqual([before.find((name) => name.startsWith('segment-2-'))]);
    expect(await valuesIn(id, 'A1:B2', 1n)).toEqual([
      [ERASED, null],
      [null, null],
    ]);
    expect(await valuesIn(id, 'A1:B2', 3n)).toEqual([
      [null, null],
      [null, 'public'],
    ]);
    expect(await foldOfAll(id, 'A1:B2')).toEqual([
      [ERASED, null],
      [null, 'public'],
    ]);
    // The log goes on as ever.
    await append(id, [cell(0, 0, 'newer')], 'compact');
    await runUntilIdle(tidemark);
    expect(await foldOfAll(id, 'A1:B2')).toEqual(await valuesIn(id, 'A1:B2'));
  });

  test('where log, history and snapshots have them, within large ranges: formats and empty cells stay', async () => {
    const id = newId();
    const block = (name: string, row: number): SheetEntry => ({
      type: 'SetCellRange',
      row,
      column: 0,
      values: Array.from({ length: 100 }, (_, down) =>
        Array.from({ length: 40 }, (_, across) => (across === 7 ? null : `${name}-${row + down}-${across}`)),
      ),
      format: '@',
    });
    await append(id, [block('one', 0), block('two', 50)]);
    await append(id, [block('three', 20)], 'snapshot');
    await runUntilIdle(tidemark);
    await append(id, [block('four', 90)], 'compact');
    await runUntilIdle(tidemark);
    await append(id, [block('five', 10), cell(60, 7, 'one-secret')], 'snapshot');
    await runUntilIdle(tidemark);
    const view = await open(id);
    const whole = parseRange('A1:AN190');
    const before = await view.getRange(whole);
    // Rows 61 to 65, columns F to I.
    await erased(id, 'F61:I65');
    const gone = [60, 61, 62, 63, 64].flatMap((row) =>
      [5, 6, 8].flatMap((column) => ['one', 'two', 'three', 'four', 'five'].map((name) => `"${name}-${row}-${column}"`)),
    );
    await nowhere(id, 'one-secret', ...gone, ...gone.map((text) => text.replaceAll('"', '\\"')));
    const expected = before.map((row, down) =>
      row.map((held, across) => (down >= 60 && down < 65 && across >= 5 && across < 9 ? { value: ERASED } : held)),
    );
    expect(await (await open(id)).getRange(whole)).toEqual(expected);
    expect(await foldOfAll(id, 'A1:AN190')).toEqual(expected.map((row) => row.map(({ value }) => value)));
    // In the past what was empty stays empty, and formats are kept.
    const past = await (await open(id, 1n)).getRange(parseRange('G61:I61'));
    expect(past).toEqual([[{ value: ERASED, format: '@' }, { value: null }, { value: ERASED, format: '@' }]]);
  });

  test('in what units of the log have noted: progress, results, what an error says', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one')]);
    const at = await append(id, [cell(1, 0, 'public')], 'compact');
    const unit = await work.begin(`compact/${id}/${at}`);
    await recordProgress(work.db, unit, { sequenceId: '1', blobId: 'secret-progress', entries: 1, total: 1 });
    await failWork(work.db, unit, { code: 'fold_failed', message: 'cannot apply secret-one' }, { dead: true });
    await erased(id, 'A1');
    await nowhere(id, 'secret-');
    expect(await work.row(unit.id)).toMatchObject({ state: 'dead', error: { code: 'fold_failed', message: 'What it said was erased.' } });
  });
});

describe('of a log that was truncated, the oldest snapshot stays, without the values', () => {
  /** Snapshots at 1, 3 and 5, of which the log holds the last two; entry 6 without. */
  async function truncated(): Promise<string> {
    const id = newId();
    for (const name of ['one', 'two', 'three']) {
      await append(id, [cell(0, 0, `secret-${name}`), cell(0, 1, `public-${name}`)], 'snapshot');
      await runUntilIdle(tidemark);
    }
    await append(id, [cell(0, 0, 'secret-four')]);
    await logOf(id).eventLog.truncate(3n);
    return id;
  }
  const past = async (id: string) => Promise.all([3n, 4n, 5n, 6n].map((at) => valuesIn(id, 'A1:B1', at)));
  const expected = ['public-one', 'public-two', 'public-two', 'public-three'].map((text) => [[ERASED, text]]);

  test('so everything that the log holds can be read, and a snapshot that is asked for again is taken', async () => {
    const id = await truncated();
    await erased(id, 'A1');
    await nowhere(id, 'secret-');
    expect(await past(id)).toEqual(expected);
    await logOf(id).eventLog.setMetadata(4n, { pending: 'snapshot' });
    await runUntilIdle(tidemark);
    expect(await work.entry(id, 4n)).toMatchObject({ pending: null, snapshot: expect.stringMatching(/^sheet-v1-4-/) });
  });

  test('where it was archived since, too', async () => {
    const id = await truncated();
    await append(id, [cell(0, 0, 'secret-five')], 'compact');
    await runUntilIdle(tidemark);
    await erased(id, 'A1');
    await nowhere(id, 'secret-');
    expect(await past(id)).toEqual(expected);
  });

  test('a later truncation while the values are erased is told: nothing is swapped', async () => {
    const id = await truncated();
    const { workId, sequenceId } = await eraseCells(logOf(id), { ranges: ranges('A1') });
    const unit = await work.begin(workId);
    await logOf(id).eventLog.truncate(5n);
    const swap = swapErased({ pool: database.pool, schema: 'tidemark', unit, first: 3n, snapshot: 'new', progress: { step: 'swapped' } });
    await expect(swap).rejects.toThrow('or was truncated');
    expect(await work.entry(id, sequenceId)).toMatchObject({ pending: 'erase', snapshot: null });
    expect(await runUnit(unit, eraseHandler(), attemptOptions())).toEqual({ type: 'finished' });
    expect(await valuesIn(id, 'A1:B1', 5n)).toEqual([[ERASED, 'public-two']]);
    await nowhere(id, 'secret-');
  });
});

test('a snapshot that died before is done with: the one without the values stands for it', async () => {
  const id = newId();
  const at = await append(id, [cell(0, 0, 'secret-one')], 'snapshot');
  await failWork(work.db, await work.begin(`snapshot/${id}/${at}`), { code: 'x', message: 'x' }, { dead: true });
  const { sequenceId } = await erased(id, 'A1');
  expect(await work.row(`snapshot/${id}/${at}`)).toMatchObject({ state: 'done', result: { supersededBy: `${sequenceId}` } });
  expect(await work.entry(id, at)).toMatchObject({ pending: null });
});

describe('two erasures', () => {
  test('asked for together take both', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one'), cell(0, 1, 'secret-two')], 'snapshot');
    await eraseCells(logOf(id), { ranges: ranges('A1') });
    await eraseCells(logOf(id), { ranges: ranges('B1') });
    await runUntilIdle(tidemark);
    await nowhere(id, 'secret-');
    expect(await valuesIn(id, 'A1:B1')).toEqual([[ERASED, ERASED]]);
  });

  test('of which the first one died: a later one does not stand for it, nor does a compaction, and redriven it erases', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one'), cell(0, 1, 'secret-two')]);
    const first = await eraseCells(logOf(id), { ranges: ranges('A1') });
    await failWork(work.db, await work.begin(first.workId), { code: 'x', message: 'x' }, { dead: true });
    await erased(id, 'B1');
    await nowhere(id, 'secret-two');
    await append(id, [cell(3, 3, 'public')], 'compact');
    await append(id, [cell(4, 3, 'public')], 'snapshot');
    await runUntilIdle(tidemark);
    expect(await work.row(first.workId)).toMatchObject({ state: 'dead' });
    expect((await logOf(id).eventLog.query('start', 0n)).startSequenceId).toBe(first.sequenceId);
    await somewhere(id, 'secret-one');
    await work.db.query('select tidemark.redrive_work($1)', [first.workId]);
    await runUntilIdle(tidemark);
    expect(await work.row(first.workId)).toMatchObject({ state: 'done' });
    await nowhere(id, 'secret-');
    expect(await valuesIn(id, 'A1:D5')).toEqual(await foldOfAll(id, 'A1:D5'));
    expect(await valuesIn(id, 'A1:B1')).toEqual([[ERASED, ERASED]]);
  });
});

describe('others at the sheet meanwhile', () => {
  test('a view of before has a named error for a tile that is gone, and opened again shows the marker; a live one recovers', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one'), cell(200, 0, 'public')]);
    await append(id, [cell(200, 1, 'public')], 'snapshot');
    await runUntilIdle(tidemark);
    const dir = await dirOf(id);
    const old = await open(id);
    const live = await openSheet({ log: withHistory({ log: logOf(id).eventLog, blobs: dir }), blobs: dir, live: true });
    await erased(id, 'A1');
    await expect(old.getCell(0, 0)).rejects.toThrow(BlobNotFoundError);
    expect(await (await open(id)).getCell(0, 0)).toEqual({ value: ERASED });
    const shown = live.setViewport({ row: 0, column: 0, rowCount: 10, columnCount: 10 });
    await shown;
    await until('it shows the marker, and what was never erased', () => live.view.getCell(0, 0)?.value === ERASED);
    await live.setViewport({ row: 195, column: 0, rowCount: 10, columnCount: 10 });
    await until('it shows the rest', () => live.view.getCell(200, 0)?.value === 'public');
    await live.close();
  });

  test('an attempt that another has taken over swaps and removes nothing', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one')]);
    await append(id, [cell(1, 0, 'public')], 'compact');
    await runUntilIdle(tidemark);
    const { workId, sequenceId } = await eraseCells(logOf(id), { ranges: ranges('A1') });
    const zombie = await work.begin(workId);
    const successor = await work.begin(workId);
    expect(await runUnit(zombie, eraseHandler(), attemptOptions())).toEqual({ type: 'fenced' });
    expect(await work.entry(id, sequenceId)).toEqual({ pending: 'erase', snapshot: null, history: null });
    await somewhere(id, 'secret-one');
    expect(await runUnit(successor, eraseHandler(), attemptOptions())).toEqual({ type: 'finished' });
    await nowhere(id, 'secret-');
    expect(await runUnit(zombie, eraseHandler(), attemptOptions())).toEqual({ type: 'fenced' });
    expect(await foldOfAll(id, 'A1:A2')).toEqual([[ERASED], ['public']]);
  });

  test('an attempt that was taken over after the swap removes nothing; its successor writes nothing more, and removes', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one')]);
    await append(id, [cell(1, 0, 'public')], 'snapshot');
    await runUntilIdle(tidemark);
    const { workId } = await eraseCells(logOf(id), { ranges: ranges('A1') });
    const cannotRemove = watched(blobs, (call) => {
      if (call === 'list') throw Object.assign(new Error('the disk is gone'), { code: 'EIO' });
    });
    expect(await runUnit(await work.begin(workId), eraseHandler(cannotRemove), attemptOptions())).toMatchObject({ type: 'failed' });
    expect(await work.row(workId)).toMatchObject({ state: 'started', progress: { step: 'swapped' } });
    await somewhere(id, 'secret-one');
    const zombie = await work.begin(workId);
    const successor = await work.begin(workId);
    const calls: string[] = [];
    const counting = watched(blobs, (call) => void calls.push(call));
    expect(await runUnit(zombie, eraseHandler(counting), attemptOptions())).toEqual({ type: 'fenced' });
    expect(calls.filter((call) => call === 'write' || call === 'remove')).toEqual([]);
    await somewhere(id, 'secret-one');
    expect(await runUnit(successor, eraseHandler(counting), attemptOptions())).toEqual({ type: 'finished' });
    expect(calls).toContain('remove');
    expect(calls).not.toContain('write');
    await nowhere(id, 'secret-');
  });

  test('an entry that somebody changes while it is erased is read again', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one')]);
    const { workId } = await eraseCells(logOf(id), { ranges: ranges('A1') });
    const unit = await work.begin(workId);
    const holder = await database.pool.connect();
    try {
      await holder.query('begin');
      await holder.query(
        `update tidemark.entries set data = '{"row":0,"column":0,"value":"secret-two"}' where log_id = $1 and sequence_id = 0`,
        [id],
      );
      const running = runUnit(unit, eraseHandler(), attemptOptions());
      await until('it waits for the entry', async () => {
        const { rows } = await database.ownerPool.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%erase_entry_data%'`,
        );
        return rows.length > 0;
      });
      await holder.query('commit');
      expect(await running).toEqual({ type: 'finished' });
    } finally {
      holder.release();
    }
    await nowhere(id, 'secret-');
  });

  test('a later erasure that a host completes with a snapshot does not stand for a dead one', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'kept-one')]);
    const first = await eraseCells(logOf(id), { ranges: ranges('A1') });
    await failWork(work.db, await work.begin(first.workId), { code: 'x', message: 'x' }, { dead: true });
    const later = await eraseCells(logOf(id), { ranges: ranges('A1') });
    await logOf(id).eventLog.completeWorkflow(later.sequenceId, 'erase', { snapshot: 'by-a-host' });
    expect(await work.row(first.workId)).toMatchObject({ state: 'dead' });
    expect(await work.entry(id, first.sequenceId)).toMatchObject({ pending: 'erase' });
  });

  test('a replacement of data that have changed since they were read replaces nothing', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'secret-one')]);
    const { rows } = await work.db.query(`select data::text as data from tidemark.entries where log_id = $1`, [id]);
    const replace = (before: string, data: string) =>
      work.db.query('select tidemark.erase_entry_data($1, $2, array[md5($3)], array[$4]) as erased', [id, [0], before, data]);
    expect((await replace(rows[0].data, '{"row":0,"column":0,"value":"newer"}')).rows).toEqual([{ erased: '1' }]);
    expect((await replace(rows[0].data, rows[0].data)).rows).toEqual([{ erased: '0' }]);
    await nowhere(id, 'secret-');
  });

  test('a swap that finds the log with another history by now changes nothing, nor does one of an entry that asks no more', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'kept-one')], 'snapshot');
    await runUntilIdle(tidemark);
    const { workId, sequenceId } = await eraseCells(logOf(id), { ranges: ranges('A1') });
    const unit = await work.begin(workId);
    const swap = () =>
      swapErased({ pool: database.pool, schema: 'tidemark', unit, first: 0n, snapshot: 'new', progress: { step: 'swapped' } });
    await logOf(id).eventLog.setMetadata(0n, { history: 'another' });
    await expect(swap()).rejects.toThrow('got another history');
    await logOf(id).eventLog.setMetadata(0n, { history: undefined });
    await logOf(id).eventLog.setMetadata(sequenceId, { pending: undefined });
    expect(await swap()).toBe(false);
    expect(await work.entry(id, 0)).toMatchObject({ snapshot: expect.stringMatching(/^sheet-/) });
    expect(await runUnit(unit, eraseHandler(), attemptOptions())).toEqual({ type: 'finished' });
    await somewhere(id, 'kept-one');
  });

  test('goes on where a unit of the log has an error that no text can hold, and takes what it says', async () => {
    const id = newId();
    await append(id, [cell(0, 0, 'said')], 'snapshot');
    await runUntilIdle(tidemark);
    await database.ownerPool.query(`update tidemark.work set error = '{"code":"x","message":"said \\u0000"}' where log_id = $1`, [id]);
    const { workId } = await eraseCells(logOf(id), { ranges: ranges('A1') });
    await runUntilIdle(tidemark);
    expect((await work.row(workId)).state).toBe('done');
    expect((await work.row(`snapshot/${id}/0`)).error).toEqual({ code: 'unreadable_error', message: 'What it said was erased.' });
  });

  test('appends, snapshots and compactions go on beside it, and find what they wrote', async () => {
    const id = newId();
    for (let round = 0; round < 4; round += 1) {
      await append(id, [cell(round, 0, `secret-${round}`), cell(round, 1, round)], round % 2 ? 'compact' : 'snapshot');
      await eraseCells(logOf(id), { ranges: ranges(`A${round + 1}`) });
      await append(id, [cell(round, 2, `after-${round}`)], 'snapshot');
      if (round === 2) await runUntilIdle(tidemark);
    }
    await runUntilIdle(tidemark);
    await nowhere(id, 'secret-');
    const all = Array.from({ length: 4 }, (_, round) => [ERASED, round, `after-${round}`]);
    expect(await valuesIn(id, 'A1:C4')).toEqual(all);
    expect(await foldOfAll(id, 'A1:C4')).toEqual(all);
  });
});

const attemptOptions = () => ({ pool: database.pool, schema: 'tidemark', signal: new AbortController().signal, deadlineMs: 10_000 });
const eraseHandler = (store: BlobStore = blobs) =>
  unitHandlers(tidemark.registry, { pool: database.pool, schema: 'tidemark', blobs: store }).get('erase') as UnitHandler;

type Call = 'read' | 'write' | 'remove' | 'list';

/** Tells of each call before it is made. */
function watched(store: BlobStore, before: (call: Call) => void): BlobStore {
  const tell = async <T>(call: Call, made: () => Promise<T>): Promise<T> => {
    before(call);
    return made();
  };
  const watching = (dir: BlobDir): BlobDir => ({
    readBlob: (name) => tell('read', () => dir.readBlob(name)),
    writeBlob: (name, content) => tell('write', () => dir.writeBlob(name, content)),
    removeBlob: (name) => tell('remove', () => dir.removeBlob(name)),
    getDir: async (name) => watching(await dir.getDir(name)),
    query: (continuation) => tell('list', () => dir.query(continuation)),
    removeAll: () => dir.removeAll(),
  });
  return { getRootDir: async () => watching(await store.getRootDir()) };
}

/** Fails at the given call of a store, each call of a blob directory counted. */
function failingAt(store: BlobStore, call: number): { store: BlobStore; calls: () => number } {
  let calls = 0;
  const step = () => {
    calls += 1;
    if (calls === call) throw Object.assign(new Error('the disk is gone'), { code: 'EIO' });
  };
  const failing = (dir: BlobDir): BlobDir => ({
    async readBlob(name) {
      step();
      return dir.readBlob(name);
    },
    async writeBlob(name, content) {
      step();
      await dir.writeBlob(name, content);
      step();
    },
    async removeBlob(name) {
      step();
      await dir.removeBlob(name);
      step();
    },
    getDir: async (name) => failing(await dir.getDir(name)),
    async query(continuation) {
      step();
      return dir.query(continuation);
    },
    removeAll: () => dir.removeAll(),
  });
  return { store: { getRootDir: async () => failing(await store.getRootDir()) }, calls: () => calls };
}

test('an attempt that ends at any call of the blob store: the next one goes on, and the values are nowhere', async () => {
  const id = newId();
  await append(id, [cell(0, 0, 'secret-one'), cell(300, 0, 'secret-two'), cell(1, 1, 'public')]);
  await append(id, [cell(2, 2, 'public')], 'compact');
  await runUntilIdle(tidemark);
  await append(id, [cell(0, 0, 'secret-three')], 'snapshot');
  await runUntilIdle(tidemark);
  const { workId } = await eraseCells(logOf(id), { ranges: ranges('A1,A301') });
  let outcome: { type: string } = { type: 'failed' };
  let attempts = 0;
  // Each attempt gets one call further than the one before.
  for (let call = 1; outcome.type !== 'finished'; call += 1) {
    expect(call).toBeLessThan(200);
    outcome = await runUnit(await work.begin(workId), eraseHandler(failingAt(blobs, call).store), attemptOptions());
    attempts += 1;
    if (outcome.type !== 'finished') expect(outcome).toMatchObject({ type: 'failed', kind: 'infrastructure' });
    expect(await valuesIn(id, 'A1:C3')).toEqual([
      [ERASED, null, null],
      [null, 'public', null],
      [null, null, 'public'],
    ]);
  }
  expect(attempts).toBeGreaterThan(15);
  await nowhere(id, 'secret-');
  expect(await foldOfAll(id, 'A301')).toEqual([[ERASED]]);
});

describe('is refused', () => {
  test('for a sheet that is not there, for over 10,000 cells, outside a sheet: nothing is written', async () => {
    const id = newId();
    await expect(eraseCells(logOf(id), { ranges: ranges('A1') })).rejects.toThrow(LogNotFoundError);
    await append(id, [cell(0, 0, 1)]);
    await expect(eraseCells(logOf(id), { ranges: ranges('A1:CV101') })).rejects.toThrow(
      'its ranges have 10100 cells, over the limit of 10000; erase them in several entries',
    );
    await expect(eraseCells(logOf(id), { ranges: [] })).rejects.toThrow(InvalidInputError);
    await expect(eraseCells(logOf(id), { ranges: [{ row: 2 ** 30 - 1, column: 0, rowCount: 2, columnCount: 1 }] })).rejects.toThrow(
      'ranges[0] reaches past the end of a sheet',
    );
    expect((await logOf(id).eventLog.query('start', 'end')).entries).toHaveLength(1);
  });

  test('for an entry that says nothing that could be erased: the unit is dead with the reason', async () => {
    const id = newId();
    const note = defineLogType({
      type: 'note',
      version: 1,
      entry: z.object({ type: z.literal('Noted') }),
      initial: () => ({}),
      apply: (state) => state,
    });
    const app = createTidemark({ db: database.pool, logTypes: [note], blobs });
    await app.log(note, id).append({ type: 'Noted' }, { expect: 0n, pending: 'erase' });
    await runUntilIdle(app);
    expect(await work.row(`erase/${id}/0`)).toMatchObject({ state: 'dead', error: { code: 'invalid_input' } });
    await app.close();
  });
});
