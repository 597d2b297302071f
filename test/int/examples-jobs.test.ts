/** The examples of docs/guides/add-a-job.md, on Postgres, with what can go wrong on the way: attempts that die at their end, a service that refuses, a person who stops it. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archiveOrders } from '../../examples/jobs/archive-orders.ts';
import { euros, readReport, salesReport } from '../../examples/jobs/sales-report.ts';
import { synchroniseCustomers } from '../../examples/jobs/synchronise-customers.ts';
import { createMemoryBlobStore, createTidemark, JobFailedError } from '../../src/index.ts';
import { createHarness, runJob, runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const blobs = createMemoryBlobStore();
const report = salesReport(blobs);
const archive = archiveOrders({ page: 20 });
/** Of the service that is copied, by when they changed. */
const upstream = Array.from({ length: 250 }, (_, index) => ({
  id: `c${index}`,
  name: `Customer ${index}`,
  updatedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, Math.floor(index / 3))).toISOString(),
}));
const asked: string[] = [];
const refusals = new Map<number, number>();
let database: TestDatabase;
let service: Server;
let sync: ReturnType<typeof synchroniseCustomers>;
let tidemark: ReturnType<typeof create>;
const create = () => createTidemark({ db: database.pool, blobs, jobs: [report, archive, sync] });

beforeAll(async () => {
  database = await createTestDatabase();
  service = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost');
    const [updatedAt, id] = [searchParams.get('updatedAt') ?? '', searchParams.get('id') ?? ''];
    asked.push(`${updatedAt} ${id}`);
    const refusal = refusals.get(asked.length);
    if (refusal !== undefined) return void response.writeHead(refusal, { 'retry-after': '1' }).end();
    const behind = upstream
      .filter((customer) => customer.updatedAt > updatedAt || (customer.updatedAt === updatedAt && customer.id > id))
      .sort((a, b) => (a.updatedAt === b.updatedAt ? (a.id < b.id ? -1 : 1) : a.updatedAt < b.updatedAt ? -1 : 1));
    response.end(JSON.stringify(behind.slice(0, 40)));
  }).listen(0, '127.0.0.1');
  await until('the service listens', () => service.listening);
  sync = synchroniseCustomers(`http://127.0.0.1:${(service.address() as AddressInfo).port}/customers`);
  await database.ownerPool.query(`${readFileSync(new URL('../../examples/jobs/tables.sql', import.meta.url), 'utf8')};
    create table archiving (id bigint);
    create function note_archiving() returns trigger language plpgsql as 'begin insert into archiving values (new.id); return null; end';
    create trigger note_archiving after update on customer_order for each row execute function note_archiving();
    grant all on customer_order, customer, customer_mark, accountant, archiving to public;
    insert into accountant values ('ann');
    insert into customer_order
    select n, 'Customer "' || n || '"', n * 7, date '2026-09-01' + (n % 60) from generate_series(1, 2400) n`);
  tidemark = create();
});
afterAll(async () => {
  service?.closeAllConnections();
  service?.close();
  await tidemark?.close();
  await database?.drop();
});
const countOf = async (sql: string) => (await database.pool.query(`select count(*)::integer as count from ${sql}`)).rows[0].count;

describe('the report', () => {
  test('has each order of its month once, as a file that the result names; two attempts write one', async () => {
    const harness = await createHarness(tidemark);
    const job = await harness.enqueue(report, { month: '2026-09' }, { actor: 'ann' });
    await harness.drain({ faults: [{ job: 'sales-report', fault: 'crash-after-effect' }] });
    await harness.expect({ job: job.id });
    const result = await job.result();
    const file = Buffer.from(await readReport(blobs, result)).toString();
    const lines = file.trimEnd().split('\n');
    expect(lines).toHaveLength(result.rows + 1);
    expect(lines[1]).toBe('1,"Customer ""1""",2026-09-02,0.07');
    expect(new Set(lines).size).toBe(result.rows + 1);
    expect(result).toMatchObject({ rows: await countOf(`customer_order where placed_on < '2026-10-01'`), bytes: Buffer.byteLength(file) });
    expect((await (await (await blobs.getRootDir()).getDir('reports')).query()).blobs).toEqual([result.blob]);
    expect(await job.status()).toMatchObject({ attempt: 2, progress: { fraction: 1, counts: { rows: result.rows } } });
  });

  test('is not for whoever may not, and dead at once where there is nothing to report', async () => {
    await expect(runJob(report, { month: '2026-09' }, { app: tidemark, actor: 'bob' })).rejects.toThrow(
      "'bob' may not run job 'sales-report'",
    );
    await expect(runJob(report, { month: '1999-01' }, { app: tidemark, actor: 'ann' })).rejects.toThrow('There are no orders of 1999-01.');
    await expect(tidemark.enqueue(report, { month: 'September' })).rejects.toThrow('month');
  });
});

describe('the bulk operation', () => {
  test('that is cancelled stops between two pages: whole pages are archived, and the next one archives the rest', async () => {
    const job = await tidemark.enqueue(archive, { before: '2026-10-01' });
    const running = runUntilIdle(tidemark);
    await until('some are archived', async () => ((await job.progress())?.counts?.archived ?? 0) > 0);
    expect(await job.cancel()).toBe('running');
    await running;
    await expect(job.result()).rejects.toThrow(JobFailedError);
    const archived = await countOf('archiving');
    expect(archived).toBeGreaterThan(0);
    expect(archived % 20).toBe(0);
    const all = await countOf(`customer_order where placed_on < '2026-10-01'`);
    expect(archived).toBeLessThan(all);

    const harness = await createHarness(tidemark);
    const rest = await harness.enqueue(archive, { before: '2026-10-01' });
    await harness.drain({ faults: [{ job: 'archive-orders', fault: 'crash-after-effect' }] });
    expect(await rest.result()).toEqual({ archived: all - archived });
    expect((await rest.status()).attempt).toBe(2);
    // By its first attempt; the second has the steps of the first.
    expect(await countOf('archiving')).toBe(all);
    expect(await countOf('(select distinct id from archiving) d')).toBe(all);
  });
});

describe('the synchronisation', () => {
  test('copies everything once, through refusals and an attempt that dies, and from then on only what has changed', async () => {
    refusals.set(3, 500);
    const harness = await createHarness(tidemark);
    await harness.enqueue(sync, {});
    await harness.drain({ faults: [{ job: 'synchronise-customers', fault: 'crash-after-effect', times: 2 }] });
    await harness.expect({ job: 'synchronise-customers' });
    const copied = async () => (await database.pool.query('select id, name from customer order by id')).rows;
    const there = () => upstream.map(({ id, name }) => ({ id, name })).sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(await copied()).toEqual(there());
    // Each mark once, but for the one that was refused and the last one, which the attempt that died had asked for too.
    expect(asked.length - new Set(asked).size).toBe(2);

    Object.assign(upstream[3] as object, { name: 'renamed', updatedAt: new Date(Date.UTC(2026, 1, 1)).toISOString() });
    // Late, and older than what is there.
    upstream.push({ id: 'c4', name: 'out of date', updatedAt: new Date(Date.UTC(2025, 1, 1)).toISOString() });
    asked.length = 0;
    refusals.clear();
    refusals.set(1, 503);
    const again = await harness.enqueue(sync, {});
    await harness.drain();
    expect(await again.result()).toEqual({ customers: 1 });
    upstream.pop();
    expect(await copied()).toEqual(there());
    expect(asked).toHaveLength(3);
    expect((await again.status()).attempts).toMatchObject([{ error: { message: 'The service answered 503.' } }]);
  });
});

test('an amount of a report is exact, also one that is paid back', () => {
  expect(['0', '7', '50', '12345', '-5', '-50', '-12345', '900719925474099312'].map(euros)).toEqual([
    ...['0.00', '0.07', '0.50', '123.45', '-0.05', '-0.50', '-123.45', '9007199254740993.12'],
  ]);
});
