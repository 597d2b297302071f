/** Sheets over REST: cells now and at an earlier moment, what was written to a cell, snapshots and their tiles. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { eraseCells, sheet } from '../../src/index.ts';
import { cellName, parseCellName } from '../../src/spreadsheet/a1.ts';
import { readCellWrites } from '../../src/spreadsheet/cell-writes.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { bankAccount } from '../support/bank-account.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, { logTypes: [bankAccount] });
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

const newId = () => `s-${randomUUID().slice(0, 8)}`;
const get = (path: string, headers?: Record<string, string>) => server.request('GET', `/logs/${path}`, undefined, headers);
const cell = (name: string, value: string | number | null, format?: string) => ({
  type: 'SetCellValueAndFormat' as const,
  ...parseCellName(name),
  value,
  ...(format ? { format } : {}),
});
type Entry = ReturnType<typeof cell> | Record<string, unknown>;

async function append(id: string, entries: Entry[], options: { pending?: string; actor?: string } = {}): Promise<bigint> {
  const { sequenceId } = await server.tidemark.log(sheet, id).append(entries as never, { expect: 'any', ...options });
  return sequenceId;
}

/** With that on one entry, done. */
async function take(id: string, pending: 'snapshot' | 'compact', entry = cell('A1', 'first')): Promise<bigint> {
  const sequenceId = await append(id, [entry], { pending });
  await runUntilIdle(server.tidemark);
  return sequenceId;
}

describe('a range of cells', () => {
  test('is read with values and formats, null where there is none, and the moment that it is of', async () => {
    const id = newId();
    await append(id, [
      cell('A1', 'x'),
      cell('B2', 0.5, '0%'),
      { type: 'SetCellRange', row: 2, column: 0, values: [[true, { type: 'CellError', value: '#N/A' }]] },
    ]);
    const { status, body, headers } = await get(`${id}/cells?range=A1:B3`);
    expect(status).toBe(200);
    expect(body).toEqual({
      range: 'A1:B3',
      sequenceId: '3',
      rows: [
        [{ value: 'x' }, null],
        [null, { value: 0.5, format: '0%' }],
        [{ value: true }, { value: { type: 'CellError', value: '#N/A' } }],
      ],
    });
    expect(headers.get('tidemark-sequence-id')).toBe('3');
    expect((await get(`${id}/cells?range=0,0:2,1`)).body).toEqual(body);
    expect((await get(`${id}/sheet`)).body).toEqual({ rows: 3, columns: 2, cells: 4, sequenceId: '3' });
  });

  test('is CSV as an export writes it, by format or by Accept', async () => {
    const id = newId();
    await append(id, [cell('A1', '007'), cell('B1', 'a,"b"'), cell('B2', 46_053, 'yyyy-mm-dd')]);
    const csv = '007,"a,""b"""\n,2026-01-31\n';
    const asked = await get(`${id}/cells?range=A1:B2&format=csv`);
    expect(asked.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(asked.body).toBe(csv);
    expect((await get(`${id}/cells?range=A1:B2`, { accept: 'text/csv, application/json;q=0.5' })).body).toBe(csv);
    expect((await get(`${id}/cells?range=A1:B2`, { accept: 'application/json, text/csv' })).body.range).toBe('A1:B2');
    expect((await get(`${id}/cells?range=A1:B2&format=json`, { accept: 'text/csv' })).body.range).toBe('A1:B2');
  });

  test('in CSV hides formulas from spreadsheet programs where that is asked for, as an export does', async () => {
    const id = newId();
    await append(id, [cell('A1', '=HYPERLINK("http://x")'), cell('B1', '@x'), cell('C1', -1)]);
    const csv = async (query: string) => (await get(`${id}/cells?range=A1:C1&format=csv${query}`)).body;
    expect(await csv('')).toBe('"=HYPERLINK(""http://x"")",@x,-1\n');
    expect(await csv('&escapeFormulas=true')).toBe(`"'=HYPERLINK(""http://x"")",'@x,-1\n`);
    expect(await csv('&escapeFormulas=true')).toBe((await get(`${id}/export?escapeFormulas=true`)).body);
    expect((await get(`${id}/cells?range=A1&format=csv&escapeFormulas=yes`)).status).toBe(400);
  });

  test('holds what was appended before it was asked for, whoever reads at the same time', async () => {
    const id = newId();
    await append(id, [cell('A1', 0)]);
    for (let value = 1; value <= 20; value += 1) {
      const others = Array.from({ length: 5 }, () => get(`${id}/cells?range=A1`));
      await append(id, [cell('A1', value)]);
      const { body } = await get(`${id}/cells?range=A1`);
      expect(body).toEqual({ range: 'A1', sequenceId: String(value + 1), rows: [[{ value }]] });
      for (const { body: other } of await Promise.all(others)) {
        // Each answer is of the moment that it names.
        expect(other.rows).toEqual([[{ value: Number(other.sequenceId) - 1 }]]);
      }
    }
  });

  test('is read as it was before an entry, also where that is archived, and not outside of the log', async () => {
    const id = newId();
    for (let value = 0; value < 6; value += 1) await append(id, [cell('A1', value), cell('B1', value)]);
    await take(id, 'snapshot', cell('C1', 'snapshot'));
    await take(id, 'compact', cell('C1', 'compact'));
    const at = async (sequenceId: number) => (await get(`${id}/cells?range=A1:C1&at=${sequenceId}`)).body;
    expect(await at(0)).toEqual({ range: 'A1:C1', sequenceId: '0', rows: [[null, null, null]] });
    expect(await at(5)).toEqual({ range: 'A1:C1', sequenceId: '5', rows: [[{ value: 2 }, { value: 1 }, null]] });
    expect((await at(13)).rows).toEqual([[{ value: 5 }, { value: 5 }, { value: 'snapshot' }]]);
    expect(await at(14)).toMatchObject({ sequenceId: '14', rows: [[{ value: 5 }, { value: 5 }, { value: 'compact' }]] });
    expect((await get(`${id}/sheet?at=1`)).body).toEqual({ rows: 1, columns: 1, cells: 1, sequenceId: '1' });
    for (const outside of ['15', '9223372036854775807']) {
      expect(await get(`${id}/cells?range=A1&at=${outside}`)).toMatchObject({ status: 416, body: { code: 'sequence_range' } });
    }
    expect((await get(`${id}/cells?range=A1&at=9999999999999999999`)).status).toBe(400);
  });

  test('that is none, or too large, or of a log that is no sheet or not there, is refused', async () => {
    const id = newId();
    await append(id, [cell('A1', 1)]);
    for (const range of ['A1:', 'A0', '1,2,3', 'A1:B2:C3', 'XFDXFD1', '1073741824,0', '0,1048576']) {
      expect(await get(`${id}/cells?range=${range}`)).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    }
    expect((await get(`${id}/cells`)).status).toBe(400);
    expect((await get(`${id}/cells?range=A1:CV1001`)).body.detail).toContain('100100 cells, over the 100000');
    expect((await get(`${id}/cells?range=A1:CV1000`)).body.rows).toHaveLength(1_000);
    expect(await get('nowhere/cells?range=A1')).toMatchObject({ status: 404, body: { code: 'log_not_found' } });
    const account = newId();
    await server.tidemark.log(bankAccount, account).append({ type: 'Opened', owner: 'x' }, { expect: 0n });
    for (const path of ['cells?range=A1', 'sheet', 'cells/A1/history', 'snapshots/0/tiles', 'export']) {
      expect(await get(`${account}/${path}`)).toMatchObject({ status: 400, body: { detail: expect.stringContaining('not a sheet') } });
    }
  });

  test('of a tile that is corrupt is an error that names the blob', async () => {
    const id = newId();
    await append(id, [cell('A1', 'kept')]);
    await take(id, 'snapshot', cell('A2', 'x'));
    const dir = await blobsOfLog(server.tidemark.blobs as BlobStore, id);
    const tile = (await dir.query()).blobs.find((name) => name.startsWith('tile-')) as string;
    await dir.writeBlob(tile, Buffer.from('no gzip'));
    expect(await get(`${id}/cells?range=A1`)).toMatchObject({
      status: 500,
      body: { code: 'corrupt_blob', detail: expect.stringContaining(tile) },
    });
    expect((await get(`${id}/cells?range=ZZ900`)).status).toBe(200);
  });

  test('is read again from newer snapshots when the blobs of the one under an open view are gone', async () => {
    const id = newId();
    await append(id, [cell('A1', 'x')]);
    await take(id, 'snapshot', cell('B1', 'y'));
    const dir = await server.tidemark.log(sheet, id).blobs();
    const before = (await dir.query()).blobs;
    expect((await get(`${id}/cells?range=A1:B1`)).body.rows).toEqual([[{ value: 'x' }, { value: 'y' }]]);
    await take(id, 'snapshot', cell('A1', 'z'));
    // What a collection does, once nothing refers to them any more.
    for (const name of before) await dir.removeBlob(name);
    server.tidemark.cache.clear();
    expect((await get(`${id}/cells?range=A1:B1`)).body.rows).toEqual([[{ value: 'z' }, { value: 'y' }]]);
  });
});

describe("a cell's history", () => {
  const historyOf = (id: string, name: string, query = '') => get(`${id}/cells/${name}/history${query}`);

  test('lists what was written to it, by whom, when and by which entry, newest first', async () => {
    const id = newId();
    await append(id, [cell('B2', 'one', '@'), cell('B3', 'other')], { actor: 'ann' });
    await append(
      id,
      [
        {
          type: 'SetCellRange',
          row: 0,
          column: 0,
          values: [
            [1, 2],
            [3, 4],
          ],
          format: '0',
        },
      ],
      { actor: 'bob' },
    );
    await append(id, [{ type: 'SetCellRange', row: 0, column: 0, values: [[1, 2]] }, cell('B2', null)]);
    await eraseCells(server.tidemark.log(sheet, id), { ranges: [{ row: 1, column: 0, rowCount: 3, columnCount: 3 }] });
    const { status, body } = await historyOf(id, 'B2');
    expect(status).toBe(200);
    const committedAt = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(body).toEqual({
      writes: [
        { sequenceId: '5', type: 'EraseCells', value: '[erased]', committedAt },
        { sequenceId: '4', type: 'SetCellValueAndFormat', value: null, committedAt },
        { sequenceId: '2', type: 'SetCellRange', value: 4, format: '0', actor: 'bob', committedAt },
        { sequenceId: '0', type: 'SetCellValueAndFormat', value: 'one', format: '@', actor: 'ann', committedAt },
      ],
    });
    expect((await historyOf(id, '1,1')).body).toEqual(body);
    expect((await historyOf(id, 'ZZ9')).body).toEqual({ writes: [] });
    expect((await historyOf(id, 'B')).status).toBe(400);
    expect((await historyOf('nowhere', 'B2')).status).toBe(404);
    // Once the values are out of the log, they are out of the history.
    await runUntilIdle(server.tidemark);
    expect((await historyOf(id, 'B2')).body.writes.map(({ value }: { value: unknown }) => value)).toEqual([
      '[erased]',
      null,
      '[erased]',
      '[erased]',
    ]);
  });

  test('goes on where it stopped, from what the log holds into what is archived', async () => {
    const id = newId();
    for (let value = 0; value < 5; value += 1) await append(id, [cell('A1', value), cell('B1', value)], { actor: 'ann' });
    await take(id, 'compact', cell('C1', 'c'));
    await append(id, [cell('A1', 5), cell('B1', 5)]);
    const seen: [string, unknown, string | undefined][] = [];
    for (let before: string | undefined = ''; before !== undefined; ) {
      const { body } = await historyOf(id, 'A1', `?limit=2${before && `&before=${before}`}`);
      for (const { sequenceId, value, actor, committedAt } of body.writes) {
        expect(Date.parse(committedAt)).toBeGreaterThan(Date.now() - 60_000);
        seen.push([sequenceId, value, actor]);
      }
      before = body.next;
    }
    expect(seen).toEqual([['11', 5, undefined], ...[4, 3, 2, 1, 0].map((value) => [String(2 * value), value, 'ann'])]);
  });

  test('is the same for entries that are held and for entries that are archived', async () => {
    const id = newId();
    const entries = Array.from({ length: 300 }, (_, index): Entry => {
      const [row, column] = [(index * 7) % 5, (index * 3) % 4];
      const values = Array.from({ length: 1 + (index % 3) }, (__, down) => [down, null, 'x'].slice(0, 1 + (index % 2)));
      return index % 3 === 0
        ? { type: 'SetCellRange', row, column, values, ...(index % 2 ? { format: '0.0' } : {}) }
        : cell(cellName(row, column), index % 10 === 1 ? null : index, index % 5 === 1 ? '0%' : undefined);
    });
    await append(id, entries);
    const all = async () => {
      const found: { writes: unknown[] }[] = [];
      for (let row = 0; row < 7; row += 1) {
        for (let column = 0; column < 6; column += 1) found.push((await historyOf(id, `${row},${column}`, '?limit=100')).body);
      }
      return found;
    };
    const held = await all();
    expect(held.flatMap(({ writes }) => writes).length).toBeGreaterThan(300);
    await take(id, 'compact', cell('Z99', 'c'));
    expect((await get(id)).body.firstSequenceId).toBe('300');
    expect(await all()).toEqual(held);
  });

  test('of a long log is looked through for a bounded time per answer', async () => {
    const id = newId();
    await append(id, [cell('A1', 'first')]);
    await database.ownerPool.query(
      `insert into tidemark.entries (log_id, sequence_id, type, data)
       select $1, n, 'SetCellValueAndFormat', json_build_object('row', n, 'column', 1, 'value', n) from generate_series(1, 60000) n`,
      [id],
    );
    await database.ownerPool.query('update tidemark.logs set next_sequence_id = 60001 where id = $1', [id]);
    const { eventLog, blobs } = server.tidemark.log(sheet, id);
    const read = (before?: bigint) =>
      readCellWrites({ db: database.db, logId: id, log: eventLog, blobs, row: 0, column: 0, limit: 10, before, budgetMs: 10 });
    const answers = [await read()];
    expect(answers[0]).toEqual({ writes: [], next: expect.any(BigInt) });
    while (answers.at(-1)?.next !== undefined) answers.push(await read(answers.at(-1)?.next));
    expect(answers.length).toBeGreaterThan(2);
    expect(answers.flatMap(({ writes }) => writes)).toMatchObject([{ sequenceId: 0n, value: 'first' }]);
  });

  test('passes over what another program has stored and no fold would take', async () => {
    const id = newId();
    await append(id, [cell('A1', 1)]);
    for (const data of [
      '{"row":"x","column":0,"values":[[1]]}',
      '{"row":0,"column":0,"values":7}',
      '{"row":-1,"column":0,"values":[[1],[2]]}',
      '{}',
    ]) {
      await database.ownerPool.query(`select * from tidemark.append_entries($1, null, array['SetCellRange'], array[$2::text])`, [id, data]);
    }
    expect((await historyOf(id, 'A1')).body.writes).toMatchObject([{ sequenceId: '0', value: 1 }]);
  });
});

describe('snapshots', () => {
  test('are listed newest first, a page at a time', async () => {
    const id = newId();
    await append(id, [cell('A1', 1)]);
    const taken: bigint[] = [];
    for (let turn = 0; turn < 3; turn += 1) taken.unshift(await take(id, 'snapshot'));
    const { body } = await get(`${id}/snapshots?limit=2`);
    expect(body).toEqual({
      snapshots: taken.slice(0, 2).map((sequenceId) => ({
        sequenceId: String(sequenceId),
        blobId: expect.stringMatching(new RegExp(`^sheet-v1-${sequenceId}-`)),
        committedAt: expect.stringMatching(/Z$/),
      })),
      next: String(taken[1]),
    });
    const rest = (await get(`${id}/snapshots?limit=2&before=${body.next}`)).body;
    expect(rest).toEqual({ snapshots: [expect.objectContaining({ sequenceId: String(taken[2]) })] });
    expect((await get('nowhere/snapshots')).status).toBe(404);
  });

  test('of a sheet say where their tiles lie and which of them they rewrote', async () => {
    const id = newId();
    await append(id, [cell('A1', 1), cell('B70', 2), cell('AH3', 3)]);
    const first = await take(id, 'snapshot', cell('B71', 'later'));
    const second = await take(id, 'snapshot', cell('A1', 'later'));
    const third = await take(id, 'snapshot', cell('A1', 1));
    const tilesAt = async (sequenceId: bigint) => (await get(`${id}/snapshots/${sequenceId}/tiles`)).body;
    const places = [
      { row: 0, column: 0, rowCount: 1, columnCount: 1 },
      { row: 0, column: 32, rowCount: 3, columnCount: 2 },
      { row: 64, column: 0, rowCount: 6, columnCount: 2 },
    ];
    const body = await tilesAt(first);
    expect(body).toEqual({
      tiles: places.map((place) => ({ ...place, bytes: expect.any(Number), isRewritten: true })),
      ...{ tileRows: 64, tileColumns: 32, tileCount: 3, rewrittenCount: 3, cells: 3 },
      bytes: body.tiles.reduce((sum: number, { bytes }: { bytes: number }) => sum + bytes, 0),
    });
    expect(await tilesAt(second)).toMatchObject({
      tiles: [{ isRewritten: false }, { isRewritten: false }, { row: 64, rowCount: 7, isRewritten: true }],
      rewrittenCount: 1,
      cells: 4,
      previous: { sequenceId: String(first) },
    });
    expect(await tilesAt(third)).toMatchObject({ tiles: [{ isRewritten: true }, { isRewritten: false }, { isRewritten: false }] });
    expect(await get(`${id}/snapshots/1/tiles`)).toMatchObject({ status: 404, body: { code: 'snapshot_not_found' } });
  });

  test('that were archived are still looked into, and compared with', async () => {
    const id = newId();
    await append(id, [cell('A1', 1), cell('A100', 1)]);
    const first = await take(id, 'snapshot', cell('A100', 2));
    const second = await take(id, 'compact', cell('A1', 2));
    expect((await get(`${id}/snapshots/${second}/tiles`)).body).toMatchObject({
      tiles: [{ isRewritten: false }, { isRewritten: true }],
      previous: { sequenceId: String(first) },
    });
    expect((await get(`${id}/snapshots/${first}/tiles`)).body.rewrittenCount).toBe(2);
    // The older one may have been removed: then there is nothing to compare with.
    const dir = await server.tidemark.log(sheet, id).blobs();
    for (const name of (await dir.query()).blobs.filter((blob) => blob.startsWith(`sheet-v1-${first}-`))) await dir.removeBlob(name);
    server.tidemark.cache.clear();
    const alone = (await get(`${id}/snapshots/${second}/tiles`)).body;
    expect(alone).toMatchObject({ rewrittenCount: 2 });
    expect(alone.previous).toBeUndefined();
    expect(await get(`${id}/snapshots/${first}/tiles`)).toMatchObject({ status: 404, body: { code: 'blob_not_found' } });
  });
});
