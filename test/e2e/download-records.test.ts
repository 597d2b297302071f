/**
 * A download whose workers are killed on the way, against a server that fails, limits, hangs and breaks off at random: complete and exact. `DOWNLOAD_RECORDS=50000`
 * runs it at three tables of so many records with ten kills; here it is smaller.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { blobsOfLog, createPostgresEventLog, createTidemark, type NewTable, openSheet, type Tidemark } from '../../src/index.ts';
import { expectedRows, RECORD_COLUMNS, type RecordsServer, startRecordsServer } from '../support/records-server.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

const SIZE = Number(process.env.DOWNLOAD_RECORDS ?? 2_500);
const KILLS = process.env.DOWNLOAD_RECORDS ? 10 : 2;
const PAGE = process.env.DOWNLOAD_RECORDS ? 500 : 100;
const DEADLINE_MS = process.env.DOWNLOAD_RECORDS ? 900_000 : 60_000;
let fixture: TidemarkFixture;
let server: RecordsServer;
let tidemark: Tidemark;

beforeAll(async () => {
  fixture = await createTidemarkFixture();
  server = await startRecordsServer({ size: SIZE });
  tidemark = createTidemark({ db: fixture.database.pool, blobs: createDirectoryBlobStore({ path: fixture.blobsPath }) });
});
afterAll(async () => {
  await tidemark?.close();
  await fixture?.close();
  await server?.close();
});

const rest = (id: string, more: Record<string, unknown>): NewTable => ({
  id,
  source: { kind: 'rest', pageSize: PAGE, timeoutMs: 500, ...more },
});
const written = async () => {
  const { rows } = await fixture.database.pool.query(
    'select coalesce(sum(records), 0)::integer as records from tidemark.workbook_sheet where shown_at is null',
  );
  return rows[0].records as number;
};

test('killed on the way it goes on with the next page: no record twice, none missing, cell by cell; cancelled, nothing of it is seen', {
  timeout: 2 * DEADLINE_MS,
}, async () => {
  const { id } = await tidemark.createWorkbook({
    tables: [
      rest('orders', {
        url: `${server.url}/cursor/orders`,
        records: 'data',
        total: 'meta.total',
        paging: { type: 'cursor', next: 'meta.next' },
      }),
      rest('people', { url: `${server.url}/offset/people`, paging: { type: 'offset' } }),
      { id: 'items', source: { kind: 'csv', url: `${server.url}/csv/items`, timeoutMs: 2_000 } },
    ],
  });
  server.trouble = { failed: 0.03, limited: 0.05, hung: 0.01, broken: 0.01 };
  const startedAt = performance.now();
  const job = await tidemark.enqueueDownloadRecordsJob({ workbookId: id, actor: 'ann' });
  const worker = () => fixture.workerProcess({ environment: { TIDEMARK_SOURCE_HOSTS: server.host } });
  let running = await worker();
  let asked = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const place = Math.floor((3 * SIZE * kill) / (KILLS + 1));
    await until(`${place} records are there`, async () => (await written()) >= place, DEADLINE_MS);
    await running.kill();
    asked = server.requests.length;
    running = await worker();
  }
  const value = await job.result({ signal: AbortSignal.timeout(DEADLINE_MS) });
  const seconds = (performance.now() - startedAt) / 1_000;
  expect(value).toMatchObject({ records: 3 * SIZE });
  expect(asked).toBeGreaterThan(0);
  // One page in hand and one ahead are asked for again after a kill, and whatever went wrong on purpose.
  const { failed, limited, hung, broken } = server.faults;
  const pages = server.requests.filter((url) => !url.startsWith('/csv')).length;
  expect(pages).toBeLessThanOrEqual(Math.ceil(SIZE / PAGE) * 2 + 1 + failed + limited + hung + broken + KILLS * 3);
  for (const table of ['orders', 'people', 'items']) {
    const view = await openSheet({
      log: createPostgresEventLog({ pool: fixture.database.pool, logId: `${id}.${table}.1` }),
      blobs: await blobsOfLog(createDirectoryBlobStore({ path: fixture.blobsPath }), `${id}.${table}.1`),
    });
    expect(await view.counts(), table).toMatchObject({ rowCount: SIZE + 1, columnCount: RECORD_COLUMNS.length });
    const cells = await view.getRange({ row: 0, column: 0, rowCount: SIZE + 1, columnCount: RECORD_COLUMNS.length });
    const expected = [RECORD_COLUMNS, ...expectedRows(table, SIZE)];
    const wrong = cells.findIndex((row, place) => JSON.stringify(row.map((cell) => cell.value)) !== JSON.stringify(expected[place]));
    expect(wrong, table).toBe(-1);
  }
  const { attempt, attempts } = await job.status();
  console.log(
    `${3 * SIZE} records, ${KILLS} kills, ${attempt} attempts (${attempts.length} failed), ${server.requests.length} requests, faults ${JSON.stringify(server.faults)}, ${seconds.toFixed(1)} s`,
  );

  server.trouble = {};
  server.delayMs = 50;
  const later = await tidemark.enqueueDownloadRecordsJob({ workbookId: id, actor: 'ann' });
  await until('it is under way', async () => (await written()) > 0, 30_000);
  const cancelledAt = performance.now();
  expect(await later.cancel()).toBe('running');
  let before = -1;
  const stoppedAt = await until(
    'nothing is asked for any more',
    async () => {
      const at = performance.now();
      const same = before === server.requests.length;
      before = server.requests.length;
      await new Promise((resolve) => setTimeout(resolve, 400));
      return same && before === server.requests.length ? at : undefined;
    },
    30_000,
  );
  expect(stoppedAt - cancelledAt).toBeLessThan(5_000);
  const { rows } = await fixture.database.pool.query('select array_agg(sheet order by id) as sheets from tidemark.workbook_table');
  expect(rows[0].sheets).toEqual([`${id}.items.1`, `${id}.orders.1`, `${id}.people.1`]);
});
