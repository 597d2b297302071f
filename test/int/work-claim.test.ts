import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { beginWork } from '../../src/work/begin.ts';
import { type Claim, releaseClaim } from '../../src/work/claim.ts';
import { failWork, finishWork } from '../../src/work/end.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type LoadRecord, recordLoad } from '../support/load-record.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;
let load: LoadRecord;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail', 'note');
  load = await recordLoad(database);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await work.clear();
  await load.clear();
});

const alone = (claim: Claim) => claim.executions.flatMap(({ unit }) => (unit ? [unit.id] : []));
const bursts = (claim: Claim) => claim.executions.filter(({ burst }) => burst);
const all = (claim: Claim) => claim.executions.map(({ execution }) => execution);
const end = async (id: string) => finishWork(work.db, await work.begin(id), {});

describe('a claim', () => {
  test('takes ready units under a token and a lease, and names their executions', async () => {
    const { rows } = await work.db.query('select id from tidemark.installation');
    await work.add({ id: 'mail/1' });
    const claim = await work.claim({ leaseMs: 4_000 });
    expect(claim).toMatchObject({
      units: 1,
      executions: [{ execution: `${rows[0].id}/mail/1`, workflow: 'mail', unit: { id: 'mail/1' } }],
    });
    const row = await work.row('mail/1');
    expect(row).toMatchObject({ state: 'claimed', claim_token: claim.token, execution: claim.executions[0]?.execution });
    const leaseMs = (row.lease_until as Date).getTime() - Date.now();
    expect(leaseMs).toBeGreaterThan(1_000);
    expect(leaseMs).toBeLessThan(6_000);
    expect((await work.claim()).units).toBe(0);
  });

  test('leaves alone what is not due, whose group is paused, and what no worker has named', async () => {
    await work.add({ id: 'mail/due' });
    await work.add({ id: 'mail/later', notBefore: new Date(Date.now() + 60_000) });
    await work.add({ id: 'mail/paused', group: 'paused' });
    await work.group('paused', { paused: true });
    await work.add({ id: 'note/forgotten' });
    await database.ownerPool.query(`delete from tidemark.workflow_name where name = 'note'`);
    expect(alone(await work.claim())).toEqual(['mail/due']);
    await work.register('note');
    await work.group('paused');
    expect(alone(await work.claim()).sort()).toEqual(['mail/paused', 'note/forgotten']);
  });

  test('takes the lower priority number first, then what is due longest', async () => {
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
    await work.add({ id: 'mail/new', notBefore: minutesAgo(1) });
    await work.add({ id: 'mail/old', notBefore: minutesAgo(9) });
    await work.add({ id: 'mail/urgent', notBefore: minutesAgo(0), priority: -5 });
    await work.add({ id: 'mail/some-time', notBefore: minutesAgo(99), priority: 5 });
    const order: string[] = [];
    for (let claims = 0; claims < 4; claims += 1) {
      const [id] = alone(await work.claim({ maxInFlight: 1 }));
      order.push(id as string);
      await end(id as string);
    }
    expect(order).toEqual(['mail/urgent', 'mail/old', 'mail/new', 'mail/some-time']);
  });

  test('gives each group its turn, whatever the others have waiting', async () => {
    await work.addMany(500, { group: 'noisy' });
    await work.addMany(3, { group: 'quiet' });
    await work.addMany(3, { group: 'silent' });
    const claimed = alone(await work.claim({ maxInFlight: 9, burstSize: 0 }));
    expect(claimed.map((id) => id.slice(5, -6)).sort()).toEqual([
      'noisy',
      'noisy',
      'noisy',
      'quiet',
      'quiet',
      'quiet',
      'silent',
      'silent',
      'silent',
    ]);
  });

  test('gives the places that other groups do not need to those that do', async () => {
    await work.addMany(20, { group: 'noisy' });
    await work.addMany(1, { group: 'quiet' });
    expect(alone(await work.claim({ maxInFlight: 10, burstSize: 0 }))).toHaveLength(10);
  });

  test.each([
    ['places', { maxInFlight: 4 }],
    ['may be on their way', { maxInFlight: 100, maxOnTheirWay: 4 }],
  ])('with more groups than %s reaches every one of them in turn', async (_, limits) => {
    for (let group = 0; group < 12; group += 1) await work.addMany(50, { group: `group-${group}` });
    const reached = new Set<string>();
    for (let claims = 0; claims < 40 && reached.size < 12; claims += 1) {
      for (const id of alone(await work.claim({ ...limits, burstSize: 0 }))) {
        reached.add(id.slice(5, -6));
        await end(id);
      }
    }
    expect(reached.size).toBe(12);
  });

  test('sees at once what became ready behind its key, though it was published long ago', async () => {
    await work.add({ id: 'mail/head', key: 'k', notBefore: new Date(Date.now() - 60_000) });
    await work.add({ id: 'mail/next', key: 'k', notBefore: new Date(Date.now() - 59_000) });
    await end('mail/head');
    await work.add({ id: 'note/recent' });
    const first = await work.claim({ maxInFlight: 1 });
    await end(alone(first)[0] as string);
    const second = await work.claim({ maxInFlight: 1 });
    expect([...alone(first), ...alone(second)].sort()).toEqual(['mail/next', 'note/recent']);
  });
});

describe('at most maxInFlight units run alone', () => {
  test('whatever the number of starters', async () => {
    await work.addMany(200);
    const claims = await Promise.all(Array.from({ length: 10 }, () => work.claim({ maxInFlight: 7, burstSize: 0 })));
    expect(claims.reduce((units, claim) => units + claim.units, 0)).toBe(7);
    expect(await load.peakAlone()).toBe(7);
  });

  test('of which what has run for a minute leaves some to others: a group of long units takes no place that short ones need', async () => {
    await work.addMany(20, { group: 'long' });
    const claim = async () => alone(await work.claim({ maxInFlight: 8, burstSize: 0 }));
    for (const id of await claim()) await work.begin(id);
    await work.add({ id: 'mail/short', group: 'short' });
    expect(await claim()).toEqual([]);
    await database.ownerPool.query(`update tidemark.work set begun_at = begun_at - interval '1 minute' where state = 'started'`);
    expect(await claim()).toEqual(['mail/short']);
    expect(await claim()).toEqual([]);
    // As its units end it takes up to three quarters again.
    await database.ownerPool.query(`update tidemark.work set state = 'done' where id in (
      select id from tidemark.work where group_name = 'long' and state = 'started' limit 3)`);
    expect(await claim()).toHaveLength(1);
  });

  test('of which few are on their way at once: the next are claimed as those begin', async () => {
    await work.addMany(60);
    const first = alone(await work.claim({ maxInFlight: 40, maxOnTheirWay: 10 }));
    expect(first).toHaveLength(10);
    expect(alone(await work.claim({ maxInFlight: 40, maxOnTheirWay: 10 }))).toEqual([]);
    for (const id of first.slice(0, 4)) await work.begin(id);
    expect(alone(await work.claim({ maxInFlight: 40, maxOnTheirWay: 10 }))).toHaveLength(4);
    // One that has begun and waits to be tried again is not on its way.
    await failWork(work.db, await work.begin(first[4] as string), { code: 'x', message: 'x' }, { dead: false });
    expect(alone(await work.claim({ maxInFlight: 40, maxOnTheirWay: 10 }))).toHaveLength(1);
    expect(bursts(await work.claim({ maxInFlight: 40, maxOnTheirWay: 10 }))).toEqual([]);
  });

  test('and the next ones are claimed as those end', async () => {
    await work.addMany(5);
    const [first, second] = alone(await work.claim({ maxInFlight: 2, burstSize: 0 }));
    await end(first as string);
    expect(alone(await work.claim({ maxInFlight: 2, burstSize: 0 }))).toHaveLength(1);
    const unit = await work.begin(second as string);
    await failWork(work.db, unit, { code: 'x', message: 'x' }, { dead: false });
    expect(alone(await work.claim({ maxInFlight: 2, burstSize: 0 }))).toHaveLength(0);
  });
});

describe("a group's cap holds", () => {
  test('with two starters that claim, start, begin and finish all the time', async () => {
    await work.addMany(60, { group: 'capped' });
    await work.group('capped', { cap: 3 });
    await work.addMany(60, { group: 'free' });
    const starter = async () => {
      while ((await work.count('done')) < 120) {
        const claim = await work.claim({ maxInFlight: 10, burstSize: 0 });
        await work.markAll(claim);
        await Promise.all(claim.executions.map(({ unit }) => end(unit?.id as string)));
      }
    };
    await Promise.all([starter(), starter()]);
    expect(await load.peak('capped')).toBe(3);
    expect(await load.peak('free')).toBeGreaterThan(3);
    expect(await load.peakAlone()).toBeLessThanOrEqual(10);
  });

  test('with bursts and units alone side by side: a burst takes its width of it', async () => {
    await work.addMany(300, { group: 'capped' });
    await work.addMany(19, { group: 'capped', workflow: 'note' });
    await work.group('capped', { cap: 10 });
    const claim = await work.claim();
    expect(bursts(claim)).toHaveLength(1);
    expect(await load.peak('capped')).toBeLessThanOrEqual(10);
    await work.markAll(claim);
    await work.claim();
    expect(await load.peak('capped')).toBeLessThanOrEqual(10);
  });

  test('with bursts of two workflows in one group', async () => {
    await work.addMany(200, { group: 'capped' });
    await work.addMany(200, { group: 'capped', workflow: 'note' });
    await work.group('capped', { cap: 12 });
    await work.claim();
    await work.claim();
    expect(await load.peak('capped')).toBeLessThanOrEqual(12);
  });

  test('where a burst is claimed again after its starter died', async () => {
    await work.addMany(200, { group: 'capped' });
    await work.group('capped', { cap: 8 });
    const claim = await work.claim();
    expect(bursts(claim)).toHaveLength(1);
    await work.leasesRunOut();
    const again = await work.claim();
    expect(all(again)).toEqual(all(claim));
    expect(await load.peak('capped')).toBeLessThanOrEqual(8);
  });

  test('where an execution begins only after its claim was given up and its place taken', async () => {
    await work.add({ id: 'mail/late', group: 'capped' });
    await work.group('capped', { cap: 1 });
    const claim = await work.claim();
    const { epoch } = await work.row('mail/late');
    await releaseClaim(work.db, claim.token, all(claim));
    await work.add({ id: 'mail/urgent', group: 'capped', priority: -1 });
    expect(alone(await work.claim())).toEqual(['mail/urgent']);
    const begun = await beginWork(work.db, 'mail/late', Number(epoch));
    expect(await load.peak('capped')).toBe(1);
    expect(begun).toBeUndefined();
    // Its execution has ended without effect; what is claimed next finds that closed, and goes on in a new epoch.
    await end('mail/urgent');
    expect(alone(await work.claim())).toEqual(['mail/late']);
  });

  test('and where there is room, an execution may begin after its claim was given up', async () => {
    await work.add({ id: 'mail/late', group: 'capped' });
    await work.group('capped', { cap: 1 });
    const claim = await work.claim();
    await releaseClaim(work.db, claim.token, all(claim));
    expect(await beginWork(work.db, 'mail/late', Number((await work.row('mail/late')).epoch))).toMatchObject({ state: 'started' });
  });

  test('of 0 lets nothing run', async () => {
    await work.addMany(50, { group: 'closed' });
    await work.group('closed', { cap: 0 });
    expect((await work.claim()).units).toBe(0);
  });
});
