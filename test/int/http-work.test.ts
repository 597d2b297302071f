/** Work over REST: list, inspect, count, group by error, decide; and who sees what. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '../../src/http/access.ts';
import type { Database } from '../../src/postgres/queryable.ts';
import { failWork, finishWork, type UnitError } from '../../src/work/end.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let server: TestServer;
let work: WorkRows;
let caller: Caller;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail');
  server = await startTestServer(database, { authorize: () => caller, uiUrl: 'http://ui.example:8080/', namespace: 'of tests' });
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});
beforeEach(async () => {
  caller = { actor: 'tester', scopes: ['admin'] };
  await work.clear();
  await database.ownerPool.query('delete from tidemark.work_tally');
});

const get = async (path: string) => {
  const { status, body } = await server.request('GET', path);
  expect({ path, status, body: status === 200 ? undefined : body }).toEqual({ path, status: 200, body: undefined });
  return body;
};
const idsOf = (body: { units: { id: string }[] }) => body.units.map(({ id }) => id).sort();

async function dies(id: string, error: UnitError = { code: 'broken', message: 'it is broken' }): Promise<void> {
  await failWork(work.db, await work.begin(id), error, { dead: true });
}

describe('units', () => {
  test('are listed newest first, a page at a time, by state, group, workflow, log and error', async () => {
    await work.log('flights');
    await work.log('hotels');
    await work.append('flights', { pending: 'snapshot' });
    await work.append('hotels', { pending: 'mail' });
    await work.add({ id: 'mail/1', group: 'letters' });
    await work.add({ id: 'mail/2', group: 'letters' });
    await work.db.query(`update tidemark.work set state = 'claimed' where id = 'mail/2'`);
    await work.db.query(`update tidemark.work set state = 'dead', error = $1, finished_at = now() where id = 'mail/2'`, [
      { code: 'refused', message: "The server said '550'" },
    ]);
    expect(idsOf(await get('/work'))).toEqual(['mail/1', 'mail/2', 'mail/hotels/0', 'snapshot/flights/0']);
    const first = await get('/work?limit=3');
    const second = await get(`/work?limit=3&after=${encodeURIComponent(first.next)}`);
    expect([...first.units, ...second.units].map(({ id }) => id)).toEqual(['mail/2', 'mail/1', 'mail/hotels/0', 'snapshot/flights/0']);
    expect(second.next).toBeUndefined();
    expect(idsOf(await get('/work?state=dead'))).toEqual(['mail/2']);
    expect(idsOf(await get('/work?group=letters&state=waiting'))).toEqual(['mail/1']);
    expect(idsOf(await get('/work?workflow=mail&log=hotels'))).toEqual(['mail/hotels/0']);
    expect(idsOf(await get('/work?error=550'))).toEqual(['mail/2']);
    expect((await get('/work?log=flights')).units[0]).toEqual({
      id: 'snapshot/flights/0',
      workflow: 'snapshot',
      state: 'waiting',
      group: 'ledger',
      entry: { logId: 'flights', sequenceId: '0' },
      orderingKey: 'flights',
      attempt: 0,
      createdAt: expect.stringMatching(/Z$/),
    });
  });

  test('are inspected one by one, slashes percent-encoded, with a link to their execution', async () => {
    await work.add({ id: 'mail/a b', input: { to: 'x' } });
    await dies('mail/a b', { code: 'broken', message: 'it is broken', stack: 'Error: it is broken\n  at x' });
    const unit = await get(`/work/${encodeURIComponent('mail/a b')}`);
    const installation = (await database.pool.query('select id from tidemark.installation')).rows[0].id;
    expect(unit).toMatchObject({
      id: 'mail/a b',
      state: 'dead',
      attempt: 1,
      input: { to: 'x' },
      error: { code: 'broken', message: 'it is broken', stack: expect.stringContaining('at x') },
      fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
      uiUrl: `http://ui.example:8080/namespaces/of%20tests/workflows/${encodeURIComponent(`${installation}/mail/a b`)}`,
    });
    expect((await get('/work')).units[0].error).toEqual({ code: 'broken', message: 'it is broken' });
    expect(await server.request('GET', '/work/mail%2Fnowhere')).toMatchObject({ status: 404, body: { code: 'work_not_found' } });
  });

  test('that nobody can mean are refused: a bad state, place, size, and a decision about everything', async () => {
    for (const path of [
      '/work?state=finished',
      '/work?after=nonsense',
      '/work?limit=0',
      '/work/throughput?minutes=0',
      '/work?fingerprint=x',
    ]) {
      expect({ path, ...(await server.request('GET', path)) }).toMatchObject({ path, status: 400, body: { code: 'invalid_input' } });
    }
    for (const body of [{}, { ids: [] }, { id: 'mail/1' }]) {
      expect(await server.request('POST', '/work/redrive', body)).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    }
  });
});

describe('an error that no text can hold', () => {
  // Written by a program that knows nothing of it: a NUL character, and half of one.
  const UNREADABLE = ['{"code":"x","message":"a\\u0000b"}', '{"code":"x","message":"ok","stack":"\\ud83d"}'];

  test('lets its unit die, and those who look see it', async () => {
    for (const [n, error] of UNREADABLE.entries()) {
      const id = `mail/${n}`;
      await work.add({ id });
      const { epoch, attempt, fence } = await work.begin(id);
      const { rows } = await database.pool.query('select tidemark.fail_work($1, $2, $3, $4, $5::json, true) as answer', [
        ...[id, epoch, attempt, fence],
        error,
      ]);
      expect(rows[0].answer).toBe('failed');
    }
    await database.ownerPool.query(
      `insert into tidemark.work (id, workflow, state, group_name, error, epoch, first_epoch, finished_at)
       values ('mail/inserted', 'mail', 'dead', 'g', $1, nextval('tidemark.work_epoch'), 1, now())`,
      [UNREADABLE[0]],
    );
    expect(idsOf(await get('/work?error=u0000b'))).toEqual(['mail/0', 'mail/inserted']);
    expect(idsOf(await get('/work?error=unreadable_error&state=dead'))).toHaveLength(3);
    const { errors } = await get('/work/errors');
    expect(errors.reduce((sum: number, { units }: { units: number }) => sum + units, 0)).toBe(3);
    expect((await get('/work/mail%2F1')).error.message).toContain('\\ud83d');
  });

  test('of an attempt that is not the last one is found too, and lets the unit go on', async () => {
    await work.add({ id: 'mail/1' });
    await failWork(work.db, await work.begin('mail/1'), { code: 'x', message: 'half \ud83d' }, { dead: false });
    expect(idsOf(await get('/work?error=half'))).toEqual(['mail/1']);
    expect(idsOf(await get('/work?error=half&state=done'))).toEqual([]);
    await finishWork(work.db, await work.begin('mail/1'), {});
    expect(idsOf(await get('/work?error=half'))).toEqual([]);
  });
});

test('a decision about many ends with the token that allowed it, and those that it has not come to stay dead', async () => {
  const ids = Array.from({ length: 8 }, (_, index) => `mail/${index}`);
  for (const id of ids) {
    await work.add({ id });
    await dies(id);
  }
  let isKnown = true;
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let begun = 0;
  const db: Database = {
    ...database.db,
    async query(text, values) {
      if (text.includes('decide_dead(')) {
        begun += 1;
        await held;
      }
      return database.db.query(text, values);
    },
  };
  const own = await startTestServer(database, { db, recheckMs: 30, authorize: () => (isKnown ? caller : undefined) });
  const answer = own.request('POST', '/work/redrive', { ids }).catch(() => 'cut off');
  await until('some are on their way', () => begun === 4);
  isKnown = false;
  expect(await answer).toBe('cut off');
  letGo();
  await until('those have ended', async () => idsOf(await get('/work?state=dead')).length === 4);
  await own.close();
  expect({ begun, dead: idsOf(await get('/work?state=dead')).length }).toEqual({ begun: 4, dead: 4 });
});

describe('figures', () => {
  test('say how much work there is by group, how old the oldest is, and what the sweep has found', async () => {
    await work.add({ id: 'mail/1', notBefore: new Date(Date.now() - 60_000) });
    await work.add({ id: 'mail/2', notBefore: new Date(Date.now() + 60_000) });
    await work.add({ id: 'mail/3', group: 'other' });
    await dies('mail/3');
    const { groups, sweep } = await get('/work/stats');
    expect(groups).toEqual([
      {
        group: 'g',
        depth: { waiting: 1, running: 1, done: 0, dead: 0, cancelled: 0, expired: 0 },
        scheduled: 1,
        oldestRunningMs: expect.any(Number),
        lastSignMs: expect.any(Number),
        paused: false,
      },
      { group: 'other', depth: { waiting: 0, running: 0, done: 0, dead: 1, cancelled: 0, expired: 0 }, scheduled: 0, paused: false },
    ]);
    expect(sweep).toMatchObject({ gone_execution: 0, expired_lease: 0 });
    expect((await get('/work/stats?group=other')).groups).toHaveLength(1);
  });

  test('of what ended count each end once, also of what was pruned, redriven or discarded since', async () => {
    await work.group('g', { keepFinished: 3 });
    for (let n = 0; n < 10; n += 1) {
      await work.add({ id: `mail/${n}` });
      await finishWork(work.db, await work.begin(`mail/${n}`), {});
    }
    for (const id of ['mail/dead', 'mail/redriven', 'mail/discarded']) {
      await work.add({ id });
      await dies(id);
    }
    await work.add({ id: 'mail/other', group: 'other' });
    await finishWork(work.db, await work.begin('mail/other'), {});
    await work.db.query(`update tidemark.work set finished_at = finished_at - interval '3 minutes' where id = 'mail/0'`);
    // Took a minute: of ten the 95th percentile.
    await work.db.query(`update tidemark.work set created_at = finished_at - interval '1 minute' where id = 'mail/9'`);
    const total = (buckets: { done: number; dead: number; group: string }[], group: string) => ({
      done: buckets.filter((bucket) => bucket.group === group).reduce((sum, { done }) => sum + done, 0),
      dead: buckets.filter((bucket) => bucket.group === group).reduce((sum, { dead }) => sum + dead, 0),
    });
    const before = await get('/work/throughput?minutes=10');
    expect(before.bucketMs).toBe(60_000);
    expect(total(before.buckets, 'g')).toEqual({ done: 10, dead: 3 });
    expect(total(before.buckets, 'other')).toEqual({ done: 1, dead: 0 });

    await work.db.query('select tidemark.prune_work(100)');
    expect(await work.count('done', `group_name = 'g'`)).toBe(3);
    await server.request('POST', '/work/redrive', { ids: ['mail/redriven'] });
    await server.request('POST', '/work/discard', { ids: ['mail/discarded'] });
    const after = await get('/work/throughput?minutes=10');
    expect(after).toEqual(before);
    expect((await get('/work/throughput?minutes=10&group=other')).buckets).toHaveLength(1);
    expect(total((await get('/work/throughput?minutes=1')).buckets, 'g').done).toBeLessThanOrEqual(9);

    const p95 = Math.max(...after.buckets.map(({ p95Ms = 0 }) => p95Ms));
    expect(Math.abs(p95 - 60_000)).toBeLessThan(6_000);
    expect((await get('/work/throughput?minutes=1440')).bucketMs).toBe(15 * 60_000);
    expect(total((await get('/work/throughput?minutes=1440')).buckets, 'g')).toEqual({ done: 10, dead: 3 });
  });
});

describe('dead units', () => {
  beforeEach(async () => {
    for (const [n, group] of ['a', 'a', 'b'].entries()) {
      await work.add({ id: `mail/${group}-${n}`, group });
      await dies(`mail/${group}-${n}`, { code: 'blob_not_found', message: `There is no blob 'snapshot-${n}-4fa9c1.gz'.` });
    }
    await work.add({ id: 'mail/other' });
    await dies('mail/other', { code: 'refused', message: 'The server refused it.' });
  });

  test('are grouped by what their errors have in common', async () => {
    const { errors } = await get('/work/errors');
    expect(errors).toEqual([
      {
        fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
        code: 'blob_not_found',
        message: "There is no blob 'snapshot-2-4fa9c1.gz'.",
        units: 3,
        groups: ['a', 'b'],
        oldestAt: expect.any(String),
        newestAt: expect.any(String),
      },
      expect.objectContaining({ code: 'refused', units: 1, groups: ['g'] }),
    ]);
    expect(Date.parse(errors[0].oldestAt)).toBeLessThan(Date.parse(errors[0].newestAt));
    expect(idsOf(await get(`/work?fingerprint=${errors[0].fingerprint}`))).toEqual(['mail/a-0', 'mail/a-1', 'mail/b-2']);
    expect((await get('/work/errors?group=b')).errors).toMatchObject([{ units: 1, groups: ['b'] }]);
    expect((await get('/work/errors?limit=1')).errors).toHaveLength(1);
  });

  test('are redriven or discarded by fingerprint and by id, and no others', async () => {
    const [{ fingerprint }] = (await get('/work/errors')).errors;
    expect(await server.request('POST', '/work/redrive', { fingerprint, group: 'a' })).toMatchObject({ status: 200, body: { units: 2 } });
    expect(await server.request('POST', '/work/discard', { ids: ['mail/other', 'mail/a-0', 'mail/nowhere'] })).toMatchObject({
      status: 200,
      body: { units: 1 },
    });
    expect(await work.states()).toEqual({ 'mail/a-0': 'ready', 'mail/a-1': 'ready', 'mail/b-2': 'dead', 'mail/other': 'cancelled' });
    expect((await get('/work/errors')).errors).toMatchObject([{ units: 1, groups: ['b'] }]);
    expect((await get('/work/mail%2Fa-0')).fingerprint).toBeUndefined();
  });
});

test('a caller who reaches only some logs sees, counts and decides about units of those', async () => {
  for (const log of ['mine-1', 'mine-2', 'theirs']) {
    await work.log(log);
    await work.append(log, { pending: 'mail' });
    await dies(`mail/${log}/0`, { code: 'broken', message: `The value '${log}' is broken` });
  }
  await work.add({ id: 'mail/of-no-log' });
  await work.group('secret-project', { paused: true });
  caller = { scopes: ['admin'], logPrefixes: ['mine-'] };
  expect(idsOf(await get('/work'))).toEqual(['mail/mine-1/0', 'mail/mine-2/0']);
  expect(idsOf(await get('/work?log=mine-1'))).toEqual(['mail/mine-1/0']);
  expect(await server.request('GET', '/work?log=theirs')).toMatchObject({ status: 403 });
  expect((await get('/work/mail%2Fmine-1%2F0')).state).toBe('dead');
  expect(await server.request('GET', '/work/mail%2Ftheirs%2F0')).toMatchObject({ status: 404 });
  expect(await server.request('GET', '/work/mail%2Fof-no-log')).toMatchObject({ status: 404 });
  const { groups, sweep } = await get('/work/stats');
  expect(groups).toMatchObject([{ group: 'ledger', depth: { dead: 2 } }]);
  expect(sweep, 'of all logs').toEqual({});
  const { errors } = await get('/work/errors');
  expect(errors.reduce((sum: number, { units }: { units: number }) => sum + units, 0)).toBe(2);
  expect(JSON.stringify(errors)).not.toContain('theirs');
  expect((await get('/work/throughput')).buckets.reduce((sum: number, { dead }: { dead: number }) => sum + dead, 0)).toBe(2);
  expect(await server.request('POST', '/work/discard', { ids: ['mail/theirs/0', 'mail/mine-1/0'] })).toMatchObject({ body: { units: 1 } });
  expect(await server.request('POST', '/work/redrive', { log: 'theirs' })).toMatchObject({ status: 403 });
  expect((await work.row('mail/theirs/0')).state).toBe('dead');
});

test('reading takes the scope read, deciding takes admin', async () => {
  caller = { scopes: ['write'] };
  for (const path of ['/work', '/work/a', '/work/stats', '/work/throughput', '/work/errors']) {
    expect({ path, ...(await server.request('GET', path)) }).toMatchObject({ path, status: 403 });
  }
  caller = { scopes: ['read'] };
  await get('/work');
  expect(await server.request('POST', '/work/redrive', { group: 'g' })).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect(await server.request('POST', '/work/discard', { group: 'g' })).toMatchObject({ status: 403 });
});
