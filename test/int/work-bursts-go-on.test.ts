/** A burst goes on with the ready units of its group beyond those that were claimed for it, and keeps to what a claim would keep to. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { releaseWork } from '../../src/work/end.ts';
import type { Unit } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { gate, type MailBurstOptions, runMailBurst } from '../support/run-mail-burst.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 30 });
  work = workRows(database);
  await work.register('mail', 'note');
});
afterAll(() => database.drop());
beforeEach(async () => {
  await work.clear();
  await work.group('g', {});
});

/** Claimed as a burst: the first 100 of what is ready. */
async function claimBurst(): Promise<string> {
  const claim = await work.claim({ maxInFlight: 0, burstThreshold: 0, maxBursts: 1 });
  await work.markAll(claim);
  return claim.executions[0]?.burst?.id as string;
}

const run = (burstId: string, handle: (unit: Unit) => unknown, options?: MailBurstOptions) =>
  runMailBurst(database, burstId, handle, options);

test('does all of its backlog, each unit once, in one execution, no more at once than its width', async () => {
  await work.addMany(250);
  const burstId = await claimBurst();
  await work.addMany(30, { workflow: 'note' });
  await work.addMany(30, { group: 'other' });
  await work.add({ id: 'mail/later', notBefore: new Date(Date.now() + 3_600_000) });
  await work.add({ id: 'mail/late', expiresAt: new Date(Date.now() - 1_000) });
  const handled: string[] = [];
  let atOnce = 0;
  let peak = 0;
  const counts = await run(burstId, async (unit) => {
    peak = Math.max(peak, ++atOnce);
    handled.push(unit.id);
    await new Promise(setImmediate);
    atOnce -= 1;
  });
  expect(counts).toEqual({ finished: 250, released: 0 });
  expect(new Set(handled).size).toBe(250);
  expect(peak).toBe(8);
  expect(await work.count('done', `execution like '%/burst/mail/${burstId}' and burst_id is null`)).toBe(250);
  // Of another workflow, another group, not due, and expired.
  expect(await work.count('ready')).toBe(62);
});

test('ends what has no key though a transaction holds the key of another', async () => {
  await work.addMany(5);
  await work.add({ id: 'mail/keyed', key: 'k' });
  const burstId = await claimBurst();
  const publisher = await database.pool.connect();
  await publisher.query('begin');
  await publisher.query(`select tidemark.lock_work_key('g', 'k')`);
  const counts = run(burstId, () => {});
  try {
    await until('five have ended', async () => (await work.count('done')) === 5);
    expect((await work.row('mail/keyed')).state).toBe('started');
  } finally {
    await publisher.query('rollback');
    publisher.release();
  }
  expect(await counts).toEqual({ finished: 6, released: 0 });
});

test('takes what is urgent before what has waited longer', async () => {
  await work.addMany(120);
  const burstId = await claimBurst();
  await database.pool.query(`update tidemark.work set priority = 1 where state = 'ready'`);
  await work.add({ id: 'mail/urgent', priority: -1 });
  await work.add({ id: 'mail/more-urgent-and-later', priority: -2, notBefore: new Date(Date.now() + 3_600_000) });
  const handled: string[] = [];
  await run(burstId, (unit) => handled.push(unit.id));
  expect(handled).toHaveLength(121);
  expect(handled.slice(100, 108)).toContain('mail/urgent');
});

test('ends what it was claimed for and nothing more, where its time is over', async () => {
  await work.addMany(150);
  expect(await run(await claimBurst(), () => {}, { goesOnForMs: 0 })).toEqual({ finished: 100, released: 0 });
  expect(await work.count('ready')).toBe(50);
});

describe('that has had its time', () => {
  /** A tenth of a second is its time; there is work for twice as long. */
  const runBeyondItsTime = async (units = 160, whileItRuns: () => Promise<unknown> = async () => {}) => {
    await work.addMany(units);
    const burstId = await claimBurst();
    await whileItRuns();
    return run(burstId, () => delay(10), { goesOnForMs: 100 });
  };

  test('goes on while nobody waits for its end', async () => {
    expect(await runBeyondItsTime()).toEqual({ finished: 160, released: 0 });
  });

  test('goes on six times as long at most', async () => {
    const { finished } = await runBeyondItsTime(1_500);
    expect(finished).toBeLessThan(1_500);
  });

  test.each([
    ['another group has something ready', () => work.add({ id: 'mail/other', group: 'other' })],
    ['what is next in its group is of another workflow', () => work.add({ id: 'note/next', notBefore: new Date(0) })],
    ['a process has its group to itself', () => work.db.query(`select tidemark.hold_part('part', array['g'])`)],
  ])('ends where %s', async (_, wait) => {
    const { finished } = await runBeyondItsTime(400, wait);
    await database.ownerPool.query('delete from tidemark.work_part');
    expect(finished).toBeGreaterThanOrEqual(100);
    expect(finished).toBeLessThan(400);
  });

  test('ends where what is next in its group has to run alone', async () => {
    await work.add({ id: 'mail/alone' });
    await releaseWork(work.db, await work.begin('mail/alone'));
    await database.pool.query(`update tidemark.work set not_before = '-infinity' where id = 'mail/alone'`);
    const { finished } = await runBeyondItsTime(400);
    expect(finished).toBeGreaterThanOrEqual(100);
    expect(finished).toBeLessThan(400);
  });

  test.each([
    ['is not due', () => work.add({ id: 'mail/other', group: 'other', notBefore: new Date(Date.now() + 3_600_000) })],
    ['is next in its group and not due', () => work.add({ id: 'note/later', priority: -1, notBefore: new Date(Date.now() + 3_600_000) })],
    [
      'is paused',
      async () => {
        await work.add({ id: 'mail/other', group: 'other' });
        await database.ownerPool.query(`update tidemark.work_group set paused = true where name = 'other'`);
      },
    ],
  ])('does not wait for what %s', async (_, add) => {
    expect(await runBeyondItsTime(160, add)).toEqual({ finished: 160, released: 0 });
  });
});

test.each([
  ['is paused', `update tidemark.work_group set paused = true where name = 'g'`],
  ['has got a rate', `update tidemark.work_group set rate_units = 1, rate_per = '1 minute' where name = 'g'`],
  ['has a lower cap', `update tidemark.work_group set cap = 7 where name = 'g'`],
])('begins nothing more once its group %s', async (_, change) => {
  await work.group('g', { cap: 8 });
  await work.addMany(1_000);
  const burstId = await claimBurst();
  let handled = 0;
  let changedAt = 0;
  await run(burstId, async () => {
    handled += 1;
    // The last of its own.
    if (handled === 100) {
      await database.ownerPool.query(change);
      changedAt = handled;
    }
  });
  // What had begun by then, or was about to: at most two slices of 128, and the lanes.
  expect(handled - changedAt).toBeLessThan(2 * 128 + 8);
  await database.ownerPool.query(`update tidemark.work_group set rate_units = null, rate_per = null where name = 'g'`);
});

test('of a group with a cap, does not go on beside units that run alone: both together would be too many', async () => {
  await work.group('g', { cap: 8 });
  await work.addMany(150);
  const burstId = await claimBurst();
  await database.pool.query(`update tidemark.work set state = 'claimed' where id = 'mail/g-00150'`);
  const counts = await run(burstId, () => {});
  expect(counts).toEqual({ finished: 100, released: 0 });
  expect(await work.count('ready')).toBe(49);
});

test('keeps its places while it is open: a claim gives none of them away, however few units it has at the moment', async () => {
  await work.group('g', { cap: 8 });
  await work.addMany(103);
  const burstId = await claimBurst();
  const { open, opened } = gate();
  let handled = 0;
  const running = run(burstId, async () => {
    handled += 1;
    if (handled > 100) await opened;
  });
  await until('three units are left', async () => (await work.count('started')) === 3);
  await work.addMany(1, { workflow: 'note' });
  expect((await work.claim()).units).toBe(0);
  open();
  expect(await running).toEqual({ finished: 103, released: 0 });
  expect((await work.claim()).units).toBe(1);
});

test('begins its own ahead too once it has seen how quick they are: no lane waits for the next ones', async () => {
  await work.addMany(100);
  let running = 0;
  const runningThen: number[] = [];
  await run(
    await claimBurst(),
    async () => {
      running += 1;
      await delay(10);
      running -= 1;
    },
    { prepare: async () => void runningThen.push(running) },
  );
  // At first what one lane has waited for, then beside what all of them do.
  expect(runningThen[0]).toBe(0);
  expect(runningThen).toContain(8);
});

test('begins as many at once as it does in a tenth of a second: few slow ones, up to sixteen for each lane of quick ones', async () => {
  const slices = async (units: number, handle: () => unknown) => {
    const sizes: number[] = [];
    await work.clear();
    await work.addMany(units);
    await run(await claimBurst(), handle, { prepare: async (slice) => void sizes.push(slice.length) });
    return sizes;
  };
  const quick = await slices(3_000, () => {});
  expect(Math.max(...quick)).toBe(128);
  const slow = await slices(116, () => delay(120));
  expect(Math.max(...slow.slice(1))).toBeLessThanOrEqual(9);
}, 20_000);

test('goes on where the one before died: what that one had begun beyond its own runs alone', async () => {
  await work.addMany(500);
  const burstId = await claimBurst();
  const { open, opened } = gate();
  let handled = 0;
  const zombie = run(burstId, async () => {
    handled += 1;
    if (handled > 100) await opened;
  });
  await until('the dying attempt holds eight beyond its own', () => handled === 108);
  await until('the ends before are recorded', async () => (await work.count('done')) === 100);
  // Nothing is left that was claimed for it: the next attempt goes on with what is ready.
  const { finished } = await run(burstId, () => {});
  const alone = await work.count('ready', 'alone and unended = 1');
  expect(alone).toBeGreaterThanOrEqual(8);
  // Eight at work, a slice, and less than half of the one before.
  expect(alone).toBeLessThanOrEqual(8 + 128 + 60);
  expect(finished).toBe(400 - alone);
  await work.addMany(20);
  open();
  expect(await zombie).toEqual({ finished: 100, released: 0 });
  // Taken over, it has begun nothing more.
  expect(await work.count('ready', 'not alone')).toBe(20);
});
