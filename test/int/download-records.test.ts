/** What a download of records promises, against a real HTTP server and real databases, without Temporal. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listLogs } from '../../src/event-log/list-logs.ts';
import {
  blobsOfLog,
  collectGarbage,
  createLog,
  createMemoryBlobStore,
  createPostgresEventLog,
  createTidemark,
  defineSource,
  downloadRecordsJob,
  InvalidInputError,
  type NewTable,
  openSheet,
  RetryAfterError,
  SourceChangedError,
  type SourceContext,
  type SourcePage,
  SourceUnavailableError,
  type Workbook,
  WorkbookExistsError,
  WorkbookNotFoundError,
} from '../../src/index.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { removeSheets } from '../../src/workbooks/remove-sheets.ts';
import { sheetsOfDownload } from '../../src/workbooks/sheets-of-downloads.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { expectedRows, RECORD_COLUMNS, type RecordsServer, startRecordsServer } from '../support/records-server.ts';
import { until } from '../support/until.ts';

const SIZE = 1_000;
const blobs = createMemoryBlobStore();
let database: TestDatabase;
let server: RecordsServer;
let tidemark: ReturnType<typeof create>;
let allowed: (actor: string) => boolean = () => true;
let workbooks = 0;

/** Numbers, page by page, as a test wants them. */
let pages: (cursor: number, context: SourceContext) => AsyncIterable<SourcePage> = () => {
  throw new Error('no script');
};
const scripted = defineSource({
  kind: 'scripted',
  options: z.strictObject({}),
  read: (_, context) => pages((context.cursor as number) ?? 0, context),
});

const create = () =>
  createTidemark({
    db: database.pool,
    blobs,
    jobs: [
      downloadRecordsJob({
        allowedHosts: [server.host, 'localhost:1'],
        secretHosts: { TIDEMARK_SECRET_KEY: [server.host], TIDEMARK_SECRET_NONE: [server.host], TIDEMARK_SECRET_LINES: [server.host] },
        sources: [scripted],
        authorize: (actor) => allowed(actor),
        retry: { attempts: 3, initialMs: 0 },
      }),
    ],
  });

beforeAll(async () => {
  process.env.TIDEMARK_SECRET_KEY = 'very-secret';
  database = await createTestDatabase();
  process.env.TIDEMARK_CONNECTION_DATABASE = database.ownerUrl;
  server = await startRecordsServer({ size: SIZE });
  tidemark = create();
});
beforeEach(() => {
  Object.assign(server, { trouble: {}, delayMs: 0, revision: 1, sizes: {}, breakOnce: undefined });
  server.requests.length = 0;
  allowed = () => true;
});
afterAll(async () => {
  delete process.env.TIDEMARK_SECRET_KEY;
  delete process.env.TIDEMARK_CONNECTION_DATABASE;
  await tidemark?.close();
  await server?.close();
  await database?.drop();
});

const rest = (table: string, more: Record<string, unknown> = {}): NewTable => ({
  id: table,
  source: {
    kind: 'rest',
    url: `${server.url}/cursor/${table}`,
    records: 'data',
    total: 'meta.total',
    paging: { type: 'cursor', next: 'meta.next' },
    pageSize: 250,
    timeoutMs: 250,
    ...more,
  },
});
const offset = (table: string): NewTable => ({
  id: table,
  source: { kind: 'rest', url: `${server.url}/offset/${table}`, paging: { type: 'offset' }, pageSize: 50, timeoutMs: 250 },
});
const csv = (table: string): NewTable => ({ id: table, source: { kind: 'csv', url: `${server.url}/csv/${table}`, timeoutMs: 1_000 } });

function createWorkbook(tables: readonly NewTable[]): Promise<Workbook> {
  workbooks += 1;
  return tidemark.createWorkbook({ id: `w${workbooks}`, tables, actor: 'ann' });
}
const enqueue = (workbookId: string, tableIds?: string[]) =>
  tidemark.enqueueDownloadRecordsJob({ workbookId, actor: 'ann', ...(tableIds ? { tableIds } : {}) });
async function download(workbookId: string, tableIds?: string[]) {
  const job = await enqueue(workbookId, tableIds);
  await runUntilIdle(tidemark, { timeoutMs: 20_000 });
  return job;
}
const tableOf = async (workbookId: string, id: string) => {
  const { rows } = await database.pool.query(
    'select t.sheet, s.records from tidemark.workbook_table t left join tidemark.workbook_sheet s on s.sheet = t.sheet where t.workbook_id = $1 and t.id = $2',
    [workbookId, id],
  );
  return rows[0] as { sheet: string | null; records: string };
};
async function cellsOf(logId: string): Promise<unknown[][]> {
  const view = await openSheet({
    log: createPostgresEventLog({ pool: database.pool, logId }),
    blobs: await blobsOfLog(blobs, logId),
  });
  const { rowCount: rows, columnCount: columns } = await view.counts();
  const cells = await view.getRange({ row: 0, column: 0, rowCount: Math.max(rows, 1), columnCount: Math.max(columns, 1) });
  return cells.map((row) => row.map((cell) => cell.value));
}
const shown = async (workbookId: string, id: string) => cellsOf((await tableOf(workbookId, id)).sheet as string);

/** Pages of ten numbers, up to `last`; `before` is called before each. */
async function* numbers(from: number, last: number, before: (page: number) => unknown = () => undefined): AsyncGenerator<SourcePage> {
  for (let page = from; page < last; page += 1) {
    await before(page);
    yield { records: Array.from({ length: 10 }, (_, index) => ({ n: page * 10 + index })), cursor: page + 1 };
  }
}
const scriptedTable: NewTable = { id: 'numbers', source: { kind: 'scripted' } };
const numbersUpTo = (end: number) => [['n'], ...Array.from({ length: end }, (_, n) => [n])];
const collect = (graceMs: number) =>
  collectGarbage({ pool: database.pool, schema: 'tidemark', blobs, logTypes: tidemark.registry.logTypes, graceMs });
const listed = async () => {
  const app = await listLogs(database.db, { limit: 1_000 });
  return app.map((log) => log.id);
};

describe('a download', () => {
  test('is complete and exact, cell by cell, where its server fails, limits, hangs and breaks off at random', async () => {
    const { id } = await createWorkbook([rest('orders', { pageSize: 50 }), offset('people'), csv('items')]);
    server.trouble = { failed: 0.06, limited: 0.1, hung: 0.04, broken: 0.06 };
    const job = await download(id);
    expect(await job.result()).toEqual({
      records: 3 * SIZE,
      tables: ['orders', 'people', 'items'].map((table) => ({ id: table, sheet: `${id}.${table}.1`, records: SIZE })),
    });
    expect(Math.min(server.faults.failed, server.faults.limited, server.faults.hung, server.faults.broken)).toBeGreaterThan(0);
    for (const table of ['orders', 'people', 'items']) {
      expect(await shown(id, table), table).toEqual([RECORD_COLUMNS, ...expectedRows(table, SIZE)]);
    }
    const { progress } = await job.status();
    expect(progress).toMatchObject({ fraction: 1, counts: { orders: SIZE, people: SIZE, items: SIZE } });
  });

  test('goes on with the page after the last one that is in the sheet, and none is there twice', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    const begun: number[] = [];
    pages = (cursor) => {
      begun.push(cursor);
      return numbers(cursor, 6, (page) => {
        if (begun.length < 3 && page === begun.length * 2) throw new Error('broken');
      });
    };
    const job = await download(id);
    expect((await job.status()).attempts).toHaveLength(2);
    expect(begun).toEqual([0, 2, 4]);
    expect(await shown(id, 'numbers')).toEqual(numbersUpTo(60));
  });

  test('counts how often its source has changed anew after it was redriven', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    let changes = 6;
    pages = async function* (cursor) {
      yield* numbers(cursor, 1);
      changes -= 1;
      if (changes >= 0) throw new SourceChangedError('It changed.');
    };
    const job = await download(id);
    expect((await job.status()).state).toBe('dead');
    changes = 4;
    await job.redrive();
    await runUntilIdle(tidemark);
    expect((await job.status()).state).toBe('done');
    expect(await shown(id, 'numbers')).toEqual(numbersUpTo(10));
  });

  test.each([null, undefined])('ends behind the page whose cursor is %s, and does not begin anew', async (last) => {
    const { id } = await createWorkbook([scriptedTable]);
    let begun = 0;
    pages = async function* (cursor) {
      begun += 1;
      for await (const page of numbers(cursor, 1)) yield { ...page, cursor: last };
      if (begun === 1) throw new Error('broken');
    };
    await download(id);
    expect(begun).toBe(1);
    expect(await shown(id, 'numbers')).toEqual(numbersUpTo(10));
  });

  test('that is cancelled ends soon, and its tables are what they were; no list has what it wrote', async () => {
    const { id } = await createWorkbook([scriptedTable, { ...scriptedTable, id: 'others' }]);
    pages = (cursor) => numbers(cursor, 2);
    await download(id);
    const before = await listed();
    expect(before).toContain(`${id}.numbers.1`);
    let endedAt = 0;
    pages = (cursor, { signal }) =>
      numbers(cursor, 10, async (page) => {
        if (page < 3) return;
        cancelledAt = performance.now();
        expect(await job.cancel()).toBe('running');
        await delay(60_000, undefined, { signal }).finally(() => {
          endedAt = performance.now();
        });
      });
    let cancelledAt = 0;
    const job = await enqueue(id);
    await runUntilIdle(tidemark, { timeoutMs: 20_000 });
    expect((await job.status()).state).toBe('cancelled');
    expect(endedAt - cancelledAt).toBeGreaterThan(0);
    expect(endedAt - cancelledAt).toBeLessThan(5_000);
    expect(await tableOf(id, 'numbers')).toEqual({ sheet: `${id}.numbers.1`, records: '20' });
    expect(await shown(id, 'numbers')).toEqual(numbersUpTo(20));
    expect(await listed()).toEqual(before);
  });

  test('changes what all its tables show at once, when it is done; what they showed is removed after the grace period', async () => {
    const { id } = await createWorkbook([scriptedTable, { ...scriptedTable, id: 'others' }]);
    pages = (cursor) => numbers(cursor, 2);
    await download(id);
    const seen: unknown[] = [];
    let read = 0;
    pages = (cursor) =>
      numbers(cursor, 3, async () => {
        read += 1;
        if (read === 5) seen.push(await tableOf(id, 'numbers'), await tableOf(id, 'others'));
      });
    await download(id);
    expect(seen).toEqual([
      { sheet: `${id}.numbers.1`, records: '20' },
      { sheet: `${id}.others.1`, records: '20' },
    ]);
    expect(await shown(id, 'numbers')).toEqual(numbersUpTo(30));
    expect((await listed()).filter((log) => log.startsWith(`${id}.`))).toEqual([`${id}.numbers.2`, `${id}.others.2`]);
    expect(await cellsOf(`${id}.numbers.1`)).toEqual(numbersUpTo(20));
    await collect(60_000);
    expect(await cellsOf(`${id}.numbers.1`)).toEqual(numbersUpTo(20));
    await collect(0);
    const { rows } = await database.pool.query('select id from tidemark.logs where id like $1 order by id', [`${id}.%`]);
    expect(rows.map((row) => row.id)).toEqual([`${id}.numbers.2`, `${id}.others.2`]);
    expect(await shown(id, 'numbers')).toEqual(numbersUpTo(30));
    await collect(0);
    expect((await database.pool.query('select 1 from tidemark.workbook_sheet where ended_at is not null')).rows).toEqual([]);
  });

  test('of some tables leaves the others as they are', async () => {
    const { id } = await createWorkbook([scriptedTable, { ...scriptedTable, id: 'others' }]);
    pages = (cursor) => numbers(cursor, 1);
    await download(id, ['others']);
    expect(await tableOf(id, 'numbers')).toMatchObject({ sheet: null });
    expect(await shown(id, 'others')).toEqual(numbersUpTo(10));
  });

  test('begins a table anew where its source has changed since it was begun', async () => {
    const { id } = await createWorkbook([csv('items')]);
    server.sizes = { items: 1_600 };
    const recordsSoFar = async () => {
      const { rows } = await database.pool.query('select records from tidemark.workbook_sheet where workbook_id = $1', [id]);
      return Number(rows[0].records);
    };
    server.breakOnce = {
      after: 1_500,
      async when() {
        await until('the first records are in the sheet', async () => (await recordsSoFar()) === 1_000);
        Object.assign(server, { revision: 2, sizes: { items: 1_700 } });
      },
    };
    const job = await download(id);
    expect(await job.result()).toMatchObject({ records: 1_700 });
    expect((await tableOf(id, 'items')).sheet).toBe(`${id}.items.2`);
    expect(await shown(id, 'items')).toEqual([RECORD_COLUMNS, ...expectedRows('items', 1_700, 2)]);
  });

  test('begins anew five times at most', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    let begun = 0;
    pages = async function* (cursor) {
      begun += 1;
      yield* numbers(cursor, 1);
      throw new SourceChangedError('It changed.');
    };
    const { state, error } = await (await download(id)).status();
    expect([state, begun]).toEqual(['dead', 6]);
    expect(error?.message).toContain('has begun anew 5 times');
  });

  test('has columns in the order in which they are met, or those that are asked for', async () => {
    pages = async function* () {
      yield { records: [{ b: 1, a: { deep: [1] } }, { c: true }], cursor: 1 };
      yield { records: [{ d: 9_007_199_254_740_993n, '1': 'x', a: null }], cursor: 2 };
    };
    const { id } = await createWorkbook([scriptedTable, { ...scriptedTable, id: 'chosen', columns: ['c', 'missing', 'b'] }]);
    await download(id);
    expect(await shown(id, 'numbers')).toEqual([
      ['b', 'a', 'c', '1', 'd'],
      [1, '{"deep":[1]}', null, null, null],
      [null, null, true, null, null],
      [null, null, null, 'x', '9007199254740993'],
    ]);
    expect(await shown(id, 'chosen')).toEqual([
      ['c', 'missing', 'b'],
      [null, null, 1],
      [true, null, null],
    ]);
  });

  test('of large records stays within what an entry may have', async () => {
    const wide = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`c${index}`, 'ä'.repeat(30_000)]));
    pages = async function* () {
      yield { records: [wide, wide], cursor: 1 };
    };
    const { id } = await createWorkbook([scriptedTable]);
    await download(id);
    expect(await shown(id, 'numbers')).toEqual([Object.keys(wide), Object.values(wide), Object.values(wide)]);
  });

  test('has as many columns, with names as long, as a sheet takes; they are found again by the attempt that goes on', async () => {
    const names = (page: number) => Array.from({ length: 4_000 }, (_, index) => `column ${page} ${'x'.repeat(80)} ${index}`);
    let begun = 0;
    pages = async function* (cursor) {
      begun += 1;
      for (let page = cursor; page < 3; page += 1) {
        if (page === begun) throw new Error('broken');
        yield { records: [{ [names(page).at(-1) as string]: page }], columns: names(page), cursor: page + 1 };
      }
    };
    const { id } = await createWorkbook([scriptedTable]);
    await download(id);
    const [header = [], ...rows] = await shown(id, 'numbers');
    expect(begun).toBe(3);
    expect(header).toEqual([0, 1, 2].flatMap(names));
    expect(rows.map((row) => row.flatMap((value, column) => (value === null ? [] : [[header[column], value]])))).toEqual(
      [0, 1, 2].map((page) => [[names(page).at(-1), page]]),
    );
  });

  test('that somebody has made logs of its names for, of whatever type, takes the next one', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    await createLog(database.pool, { id: `${id}.numbers.1`, type: 'sheet' });
    await createLog(database.pool, { id: `${id}.numbers.2`, type: 'bank-account' });
    pages = (cursor) => numbers(cursor, 1);
    await download(id);
    expect(await tableOf(id, 'numbers')).toEqual({ sheet: `${id}.numbers.3`, records: '10' });
    expect(await listed()).toEqual(expect.arrayContaining([`${id}.numbers.1`, `${id}.numbers.2`]));
  });

  test('leaves alone what somebody has made under the name of a sheet that was removed', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    pages = (cursor) => numbers(cursor, 1);
    await download(id);
    await download(id);
    const sheet = `${id}.numbers.1`;
    await collect(0);
    expect((await database.pool.query('select 1 from tidemark.logs where id = $1', [sheet])).rows).toEqual([]);
    await createLog(database.pool, { id: sheet, type: 'sheet' });
    const log = createPostgresEventLog<SheetEntry>({ pool: database.pool, logId: sheet });
    await log.addEntry({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 'theirs' }, 0n);
    await (await blobsOfLog(blobs, sheet)).writeBlob('theirs', new Uint8Array([1]));
    await removeSheets({ db: database.db, blobs, graceMs: 0 });
    expect(await cellsOf(sheet)).toEqual([['theirs']]);
    expect((await (await blobsOfLog(blobs, sheet)).query()).blobs).toEqual(['theirs']);
    expect((await database.pool.query('select 1 from tidemark.workbook_sheet where sheet = $1', [sheet])).rows).toEqual([]);
  });

  test('that ends in the moment in which a newer one does leaves no sheet that is neither shown nor over', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    const sheets = sheetsOfDownload('tidemark', { workbookId: id, workId: 'job/x/1', actor: 'ann' });
    const [older, newer] = [await sheets.begin(database.pool, 'numbers'), await sheets.begin(database.pool, 'numbers')];
    const [one, other] = [await database.pool.connect(), await database.pool.connect()];
    try {
      await one.query('begin');
      expect(await sheets.show(one, [older])).toEqual([]);
      await other.query('begin');
      const second = sheets.show(other, [newer]);
      await until('it waits for the other one', async () => {
        const { rows } = await database.ownerPool.query(
          `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%show_sheets%' and datname = current_database()`,
        );
        return rows.length > 0;
      });
      await one.query('commit');
      expect(await second).toEqual([]);
      await other.query('commit');
    } finally {
      one.release();
      other.release();
    }
    const { rows } = await database.pool.query(
      'select sheet, ended_at is null as is_shown from tidemark.workbook_sheet where workbook_id = $1 order by version',
      [id],
    );
    expect(rows).toEqual([
      { sheet: older, is_shown: false },
      { sheet: newer, is_shown: true },
    ]);
    // One that comes too late says so.
    expect(await sheets.show(database.pool, [older])).toEqual([older]);
    expect((await tableOf(id, 'numbers')).sheet).toBe(newer);
  });

  test('is not given up for a server that lets a few pages through at a time, however often', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    let begun = 0;
    pages = async function* (cursor) {
      begun += 1;
      for await (const page of numbers(cursor, 6)) {
        yield page;
        if (begun % 2 === 0) throw new RetryAfterError('At most so many an hour.', 1);
        throw new SourceUnavailableError('It does not answer.');
      }
    };
    const job = await download(id);
    expect((await job.status()).state).toBe('done');
    expect(begun).toBeGreaterThan(3);
    expect((await job.status()).attempts).toEqual([]);
    const { rows } = await database.pool.query(`select text from tidemark.job_line where work_id like '%' || $1 order by id limit 2`, [
      job.id.split(':')[1],
    ]);
    expect(rows.map(({ text }) => text)).toEqual([
      "It does not answer. Table 'numbers' goes on behind its first 10 records soon.",
      "At most so many an hour. Table 'numbers' goes on behind its first 20 records in 1 s.",
    ]);
    expect(await shown(id, 'numbers')).toEqual(numbersUpTo(60));
    // Of whatever table: here the second one gets nothing in the attempts in which the first one got something.
    const both = await createWorkbook([scriptedTable, { ...scriptedTable, id: 'others' }]);
    let [read, refused] = [0, 0];
    pages = async function* (cursor) {
      if (cursor === 0) read += 1;
      if (read === 2 && refused === 0) {
        refused += 1;
        throw new RetryAfterError('At most so many an hour.', 1);
      }
      yield* numbers(cursor, 2);
    };
    expect((await (await download(both.id)).status()).attempts).toEqual([]);
    expect([refused, await shown(both.id, 'others')]).toEqual([1, numbersUpTo(20)]);
    // One that lets nothing through is.
    pages = async function* () {
      yield* [];
      throw new RetryAfterError('At most so many an hour.', 1);
    };
    expect((await (await download(id)).status()).state).toBe('dead');
  });

  test('does without the total of a source that has none to give', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    pages = async function* (cursor) {
      for await (const page of numbers(cursor, 2)) yield { ...page, total: cursor === 0 ? -1 : Number.NaN };
    };
    const job = await download(id);
    expect((await job.status()).state).toBe('done');
    expect(await shown(id, 'numbers')).toEqual(numbersUpTo(20));
  });
});

describe('a download is dead at once, and says why,', () => {
  const reasonOf = async (table: Record<string, unknown>, from = rest('orders')) => {
    const { id } = await createWorkbook([{ ...from, source: { ...from.source, ...table } }]);
    const { state, attempt, error } = await (await download(id)).status();
    expect([state, attempt]).toEqual(['dead', 1]);
    return error?.message;
  };

  test.each([
    [{ url: 'http://localhost:2/x' }, 'Downloads may not reach localhost:2: whoever runs the workers adds it to TIDEMARK_SOURCE_HOSTS'],
    [{ url: '/moved/x?to=http://169.254.169.254/latest' }, 'Downloads may not reach 169.254.169.254'],
    [{ url: '/moved/x?to=file:///etc/passwd' }, 'redirects to what is no address of HTTP'],
    [{ url: '/loop' }, 'redirects more than 5 times'],
    [{ url: '/status/403' }, 'answered 403 to /status/403. Check its auth and the secret that it names'],
    [{ url: '/status/404' }, 'answered 404'],
    [{ auth: { type: 'bearer', secret: 'TIDEMARK_SECRET_NONE' } }, 'TIDEMARK_SECRET_NONE is not set in the environment of this worker'],
  ])('where its source is %j', async (source, message) => {
    const { url = '' } = source as { url?: string };
    expect(await reasonOf({ ...source, ...(url.startsWith('/') ? { url: server.url + url } : {}) })).toContain(message);
  });

  test('where an answer is larger than it may be, a value no cell, its actor not allowed, or its table gone', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    pages = async function* () {
      yield { records: [{ n: 1 }, { n: 'x'.repeat(40_000) }], cursor: 1 };
    };
    expect((await (await download(id)).status()).error?.message).toContain(
      `Record 2, column "n", of table 'numbers': a text of 40000 characters is over the limit of 32767`,
    );
    pages = async function* (_, { http }) {
      yield { records: [{ n: await http({ maxBytes: 1_000 }).json(new URL(`${server.url}/text/2000`)) }], cursor: 1 };
    };
    expect((await (await download(id)).status()).error?.message).toContain('has more than 1000 bytes');
    expect((await (await download(id, ['nobody'])).status()).error?.message).toContain("has no table 'nobody'. It has numbers.");
    allowed = () => false;
    expect((await (await download(id)).status()).error).toMatchObject({ code: 'not_authorized' });
  });

  test('where somebody enqueues it in the name of another', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    const job = tidemark.registry.jobs.get('download-records') as ReturnType<typeof downloadRecordsJob>;
    const forged = await tidemark.enqueue(job, { workbookId: id, actor: 'ann' }, { actor: 'bob' });
    await runUntilIdle(tidemark);
    expect((await forged.status()).error).toMatchObject({ code: 'not_authorized' });
  });
});

describe('what proves who asks', () => {
  const secret = (auth: Record<string, unknown>, path = '/secret/x') => ({
    id: 'secret',
    source: { kind: 'rest', url: server.url + path, auth: { secret: 'TIDEMARK_SECRET_KEY', ...auth } },
  });

  test('is sent to its host, and kept nowhere', async () => {
    const { id } = await createWorkbook([
      { ...secret({ type: 'bearer' }), id: 'a' },
      { ...secret({ type: 'basic', user: 'me' }), id: 'b' },
      { ...secret({ type: 'header', name: 'x-key' }), id: 'c' },
      { ...secret({ type: 'query', name: 'token' }), id: 'd' },
    ]);
    await download(id);
    const basic = `Basic ${Buffer.from('me:very-secret').toString('base64')}`;
    expect([await shown(id, 'a'), await shown(id, 'b'), await shown(id, 'c'), await shown(id, 'd')].map((rows) => rows[1])).toEqual([
      ['Bearer very-secret', null, null],
      [basic, null, null],
      [null, 'very-secret', null],
      [null, null, 'very-secret'],
    ]);
    // Nor where a download fails of it, or of an answer.
    process.env.TIDEMARK_SECRET_LINES = 'very-secret\nvery-secret';
    const lines = secret({ type: 'bearer', secret: 'TIDEMARK_SECRET_LINES' });
    for (const failing of [lines, secret({ type: 'query', name: 'token' }, '/status/404')]) {
      const { id: failed } = await createWorkbook([failing]);
      expect((await (await download(failed)).status()).state).toBe('dead');
    }
    delete process.env.TIDEMARK_SECRET_LINES;
    const { rows } = await database.pool.query(
      `select (select count(*) from tidemark.workbook_table t where t::text like '%very-secret%')
        + (select count(*) from tidemark.job_attempt a where a::text like '%very-secret%')
        + (select count(*) from tidemark.job_line l where l::text like '%very-secret%')
        + (select count(*) from tidemark.job_step s where s::text like '%very-secret%')
        + (select count(*) from tidemark.work w where w::text like '%very-secret%') as found`,
    );
    expect(rows[0].found).toBe('0');
  });

  test('is not sent on to another host', async () => {
    const other = await startRecordsServer({ size: 1 });
    try {
      const app = createTidemark({
        db: database.pool,
        blobs,
        jobs: [downloadRecordsJob({ allowedHosts: [server.host, other.host], secretHosts: { TIDEMARK_SECRET_KEY: [server.host] } })],
      });
      const { id } = await createWorkbook([secret({ type: 'bearer' }, `/moved/x?to=${other.url}/secret/x`)]);
      await app.enqueueDownloadRecordsJob({ workbookId: id, actor: 'ann' });
      await runUntilIdle(app);
      expect(await shown(id, 'secret')).toEqual([['authorization', 'key', 'query']]);
      await app.close();
    } finally {
      await other.close();
    }
  });
});

test('a server that says when to ask again is asked then', async () => {
  const { id } = await createWorkbook([rest('orders')]);
  server.trouble = { limited: 0.7 };
  server.sizes = { orders: 1_000 };
  const job = await download(id);
  expect((await job.status()).attempts).toEqual([]);
  expect(await job.result()).toMatchObject({ records: 1_000 });
});

test('links to the next page are followed, at the pace that is asked for', async () => {
  server.sizes = { orders: 500 };
  const table = rest('orders', {
    url: `${server.url}/link/orders`,
    records: 'items',
    total: undefined,
    paging: { type: 'link' },
    pageSize: 100,
    requestsPerSecond: 20,
  });
  const { id } = await createWorkbook([JSON.parse(JSON.stringify(table))]);
  const startedAt = performance.now();
  await download(id);
  expect(performance.now() - startedAt).toBeGreaterThan(190);
  expect(server.requests).toHaveLength(5);
  expect(await shown(id, 'orders')).toEqual([RECORD_COLUMNS, ...expectedRows('orders', 500)]);
});

describe('a table of Postgres', () => {
  const table = (name: string, more: Record<string, unknown> = {}): NewTable => ({
    id: 'rows',
    source: { kind: 'postgres', connection: 'TIDEMARK_CONNECTION_DATABASE', table: name, pageSize: 7, ...more },
  });

  test('is read in the order of its key, with values that lose nothing', async () => {
    await database.ownerPool.query(`
      create table public.measure (region text, number bigint, price numeric, at timestamptz, tags jsonb, good boolean, primary key (region, number));
      insert into public.measure select 'r' || n % 3, n, n / 4.0, '2026-11-21 10:00+00', '{"a":1}', n % 2 = 0 from generate_series(1, 50) n;
      insert into public.measure (region, number, price) values ('r1', 9007199254740993, 1.50)`);
    const { id } = await createWorkbook([table('measure')]);
    await download(id);
    const [header, ...rows] = await shown(id, 'rows');
    expect(header).toEqual(['region', 'number', 'price', 'at', 'tags', 'good']);
    const expected = Array.from({ length: 50 }, (_, index) => index + 1)
      .map((n) => [`r${n % 3}`, n, (n / 4).toFixed(20) as unknown, '2026-11-21 10:00:00+00', '{"a": 1}', n % 2 === 0])
      .sort((one, other) => String(one[0]).localeCompare(String(other[0])) || Number(one[1]) - Number(other[1]));
    const place = expected.findLastIndex((row) => row[0] === 'r1') + 1;
    expected.splice(place, 0, ['r1', '9007199254740993', '1.50', null, null, null]);
    expect(rows.map((row) => row.map((value, column) => (column === 2 && value !== '1.50' ? Number(value) : value)))).toEqual(
      expected.map((row) => row.map((value, column) => (column === 2 && value !== '1.50' ? Number(value) : value))),
    );
  });

  test('with a key that rows share, or that is null, is refused', async () => {
    await database.ownerPool.query(
      `create table public.shared (kind text, n integer); insert into public.shared select 'a', n from generate_series(1, 20) n`,
    );
    const failure = async (more: Record<string, unknown>) => {
      const { id } = await createWorkbook([table('shared', more)]);
      const { state, error } = await (await download(id)).status();
      return `${state}: ${error?.message}`;
    };
    expect(await failure({})).toContain('dead: There is no table public.shared with a primary key');
    expect(await failure({ key: ['kind'] })).toContain('dead: Two rows of public.shared have the same kind');
    await database.ownerPool.query(`insert into public.shared values ('a', null)`);
    expect(await failure({ key: ['n'] })).toContain('have no n: choose a key that is never null');
    expect(await failure({ key: ['nothing'] })).toContain('column "nothing" does not exist');
  });
});

describe('workbooks', () => {
  test('are created, and enqueue, with the transaction', async () => {
    const lost = tidemark.transaction(async ({ createWorkbook: create, enqueueDownloadRecordsJob }) => {
      await create({ id: 'lost', tables: [scriptedTable] });
      await enqueueDownloadRecordsJob({ workbookId: 'lost', actor: 'ann' });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    await expect(enqueue('lost')).rejects.toThrow(WorkbookNotFoundError);
    const { id } = await createWorkbook([scriptedTable]);
    await expect(tidemark.createWorkbook({ id, tables: [scriptedTable] })).rejects.toThrow(WorkbookExistsError);
  });

  test('have one download at a time', async () => {
    const { id } = await createWorkbook([scriptedTable]);
    pages = (cursor) => numbers(cursor, 1);
    const first = await enqueue(id);
    expect(await enqueue(id)).toMatchObject({ answer: 'ignored', id: first.id });
    await runUntilIdle(tidemark);
    expect((await enqueue(id)).answer).toBe('created');
    await runUntilIdle(tidemark);
  });

  test('are refused where the names of columns that a table takes are too long to keep', async () => {
    const columns = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat(900)}`);
    await expect(tidemark.createWorkbook({ tables: [{ ...scriptedTable, columns }] })).rejects.toThrow(
      "The names of columns of table 'numbers' take more than 150000 bytes of JSON",
    );
  });

  test.each([
    [{ tables: [] }, 'tables: '],
    [{ id: 'A', tables: [scriptedTable] }, "id: use 1 to 40 of a-z, 0-9 and '-'"],
    [{ tables: [scriptedTable, scriptedTable] }, "Two tables of this workbook have the id 'numbers'"],
    [{ tables: [{ id: 'a', source: { kind: 'ftp' } }] }, "is of kind 'ftp', which is unknown. Use rest, csv, postgres, scripted."],
    [
      { tables: [{ id: 'a', source: { kind: 'rest', url: 'file:///etc/passwd' } }] },
      'url: use an address such as https://api.example.com/orders',
    ],
    [{ tables: [{ id: 'a', source: { kind: 'rest', url: 'https://me:pw@example.com' } }] }, 'holds a user or password'],
    [
      { tables: [{ id: 'a', source: { kind: 'rest', url: 'https://example.com?api_key=1' } }] },
      "its parameter 'api_key' looks like a secret",
    ],
    [
      { tables: [{ id: 'a', source: { kind: 'csv', url: 'https://example.com', headers: { Authorization: 'x' } } }] },
      "the header 'Authorization' holds a secret",
    ],
    [{ tables: [{ id: 'a', source: { kind: 'postgres', table: 't', connection: 'DATABASE_URL' } }] }, 'begins with TIDEMARK_CONNECTION_'],
    [
      { tables: [{ id: 'a', source: { kind: 'postgres', table: 't', connection: 'postgres://a:b@c/d' } }] },
      'begins with TIDEMARK_CONNECTION_',
    ],
  ])('%j is refused', async (workbook, message) => {
    const refused = tidemark.createWorkbook(workbook as Parameters<typeof tidemark.createWorkbook>[0]);
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(message);
  });
});
