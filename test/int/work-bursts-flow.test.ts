/** Units that keep coming share an execution: a burst opens for them, waits for more, and keeps to what a claim would keep to. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { beginBeyondBurst, beginBurst, beginWork } from '../../src/work/begin.ts';
import type { Claim } from '../../src/work/claim.ts';
import { finishBatch, releaseWork } from '../../src/work/end.ts';
import { sweep } from '../../src/work/sweep.ts';
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
beforeEach(() => work.clear());

const alone = (claim: Claim) => claim.executions.flatMap(({ unit }) => (unit ? [unit.id] : []));
const sizes = (claim: Claim) => claim.executions.flatMap(({ burst }) => (burst ? [burst.units] : []));
const isOpen = async () => (await work.db.query('select count(*)::integer as bursts from tidemark.open_burst')).rows[0].bursts === 1;

/** So many have ended a moment ago. */
async function flow(units = 20, group = 'g'): Promise<void> {
  await work.db.query('insert into tidemark.work_group (name) values ($1) on conflict do nothing', [group]);
  await work.db.query(
    `insert into tidemark.work (id, workflow, group_name, state, epoch, first_epoch, finished_at)
     select 'mail/before-' || $2 || n, 'mail', $2, 'done', n, n, clock_timestamp() from generate_series(1, $1::integer) n`,
    [units, group],
  );
}

/** For a second: nobody has seen the burst, and the group's flow is over. */
async function standStill(): Promise<void> {
  await work.db.query(`update tidemark.open_burst set seen_at = seen_at - interval '1 second'`);
  await work.db.query(`update tidemark.work set finished_at = finished_at - interval '1 second' where state = 'done'`);
}

let added = 0;
/** Due now, as what has just been published. */
async function add(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await work.add({ id: `mail/new-${++added}` });
}

async function claimBurst(): Promise<string> {
  const claim = await work.claim();
  await work.markAll(claim);
  expect(claim.executions).toHaveLength(1);
  return claim.executions[0]?.burst?.id as string;
}

const run = (burstId: string, handle: (unit: Unit) => unknown, options?: MailBurstOptions) =>
  runMailBurst(database, burstId, handle, options);

describe('a claim', () => {
  test('opens a burst for a unit of a group that has ended 20 within the last second', async () => {
    await flow();
    await add(1);
    expect(sizes(await work.claim())).toEqual([1]);
  });

  test.each([
    ['has ended fewer', () => flow(19)],
    [
      'ended them before that',
      async () => {
        await flow();
        await work.db.query(`update tidemark.work set finished_at = clock_timestamp() - interval '1 second'`);
      },
    ],
    ['is another', () => flow(20, 'other')],
    [
      'has a cap that is too low',
      async () => {
        await flow();
        await work.group('g', { cap: 7 });
      },
    ],
  ])('opens none where the group %s: the unit runs alone', async (_, setUp) => {
    await setUp();
    await add(1);
    const claim = await work.claim();
    expect(sizes(claim)).toEqual([]);
    expect(alone(claim)).toHaveLength(1);
  });

  test('gives it as many units as run side by side: none waits behind another, the rest runs alone', async () => {
    await flow();
    await add(12);
    const claim = await work.claim();
    expect(sizes(claim)).toEqual([8]);
    expect(alone(claim)).toHaveLength(4);
  });

  test('opens as many as there may be of a workflow, one for each group', async () => {
    for (const group of ['a', 'b', 'c', 'd', 'e']) {
      await flow(20, group);
      await work.addMany(2, { group });
    }
    const claim = await work.claim();
    expect(sizes(claim)).toEqual([2, 2, 2, 2]);
    expect(alone(claim)).toHaveLength(2);
  });

  test('leaves a unit to the open burst of its group for a moment, then it runs alone', async () => {
    await flow();
    await add(8);
    const { open, opened } = gate();
    const running = run(await claimBurst(), () => opened);
    await until('its lanes are busy', async () => (await work.count('started', 'fence is not null')) === 8);
    await add(1);
    const addedAt = performance.now();
    const claim = await work.claim();
    if (performance.now() - addedAt < 40) expect(claim.units).toBe(0);
    const late = await until('it has waited long enough', async () => {
      const next = claim.units > 0 ? claim : await work.claim();
      return next.units > 0 ? next : undefined;
    });
    expect(alone(late)).toHaveLength(1);
    open();
    await running;
  });

  test('keeps the places of a group with a cap for a burst that waits, until that closes', async () => {
    await flow();
    await work.group('g', { cap: 8 });
    await add(1);
    const waiting = run(await claimBurst(), () => {});
    await until('it has done what it had', async () => (await work.count('done')) === 21);
    expect(await isOpen()).toBe(true);
    await work.add({ id: 'note/other' });
    await delay(60);
    if (await isOpen()) expect((await work.claim()).units).toBe(0);
    await waiting;
    expect(await isOpen()).toBe(false);
    expect((await work.claim()).units).toBe(1);
  });

  test('gives out the other places of a burst that begins no more, while a slow unit of it runs', async () => {
    await flow();
    await work.group('g', { cap: 8 });
    await add(1);
    const { open, opened } = gate();
    const running = run(await claimBurst(), () => opened);
    await until('it runs', async () => (await work.count('started', 'fence is not null')) === 1);
    await add(9);
    await work.db.query(`update tidemark.open_burst set seen_at = seen_at - interval '1 second', fence = gen_random_uuid()`);
    await work.db.query(`update tidemark.work set finished_at = finished_at - interval '1 second' where state = 'done'`);
    expect((await work.claim()).units).toBeLessThanOrEqual(7);
    await until('every place is taken', async () => {
      await work.claim();
      return (await work.count('claimed')) + (await work.count('started')) >= 8;
    });
    expect((await work.count('claimed')) + (await work.count('started'))).toBe(8);
    open();
    await running;
  });

  test('opens none beside what has to run alone, which goes first', async () => {
    await work.group('g', { cap: 8 });
    await work.addMany(1);
    await releaseWork(work.db, await work.begin('mail/g-00001'));
    await flow();
    await add(2);
    const claim = await work.claim();
    expect(sizes(claim)).toEqual([]);
    expect(alone(claim)).toContain('mail/g-00001');
  });
});

describe('a burst', () => {
  test('does what comes while it waits, in one execution, and ends soon after the last of it', async () => {
    await flow();
    await add(1);
    const burstId = await claimBurst();
    const handled: string[] = [];
    const running = run(burstId, (unit) => handled.push(unit.id));
    for (let n = 0; n < 10; n++) {
      await add(1);
      await delay(40);
    }
    const lastAt = performance.now();
    expect(await running).toEqual({ finished: 11, released: 0 });
    expect(performance.now() - lastAt).toBeLessThan(5_000);
    expect(new Set(handled).size).toBe(11);
    expect(await work.count('done', `execution like '%/burst/mail/${burstId}'`)).toBe(11);
    expect(await isOpen()).toBe(false);
  });

  test('begins no more than its idle lanes do: what is left over can run elsewhere', async () => {
    await flow();
    await add(7);
    const { open, opened } = gate();
    const running = run(await claimBurst(), () => opened);
    await until('seven run', async () => (await work.count('started', 'fence is not null')) === 7);
    await add(5);
    await until('so does the eighth', async () => (await work.count('started', 'fence is not null')) === 8);
    await delay(50);
    expect(await work.count('ready')).toBe(4);
    expect(
      alone(
        await until('they have waited', async () => {
          const claim = await work.claim();
          return claim.units > 0 ? claim : undefined;
        }),
      ),
    ).toHaveLength(4);
    open();
    await running;
  });

  test('begins nothing more once it was told to end, and closes', async () => {
    await flow();
    await add(1);
    const stop = new AbortController();
    const running = run(await claimBurst(), () => {}, { signal: stop.signal });
    await until('it waits', async () => (await work.count('done')) === 21);
    stop.abort(new Error('shutting down'));
    await expect(running).rejects.toThrow('shutting down');
    await add(1);
    expect(await isOpen()).toBe(false);
    expect(await work.count('ready')).toBe(1);
  });

  test('that another attempt goes on with looks for room anew: its places may have been given away meanwhile', async () => {
    await flow();
    await work.group('g', { cap: 8 });
    await add(1);
    const burstId = await claimBurst();
    const [first, second] = [randomUUID(), randomUUID()];
    const beyond = { limit: 8, width: 8, hadItsTime: false };
    const [own] = await beginBurst(work.db, burstId, first, 8, true);
    await finishBatch(work.db, [own as Unit]);
    await add(1);
    expect(await beginBeyondBurst(work.db, burstId, first, beyond)).toHaveLength(1);
    // Its worker dies.
    await standStill();
    await add(9);
    expect(alone(await work.claim())).toHaveLength(7);
    await beginBurst(work.db, burstId, second, 8, true);
    expect(await beginBeyondBurst(work.db, burstId, second, beyond)).toEqual([]);
    expect(await isOpen()).toBe(false);
  });

  test('that was not seen for a while looks for room anew, also where it found nothing when it was back', async () => {
    await flow();
    await work.group('g', { cap: 8 });
    await add(1);
    const burstId = await claimBurst();
    const fence = randomUUID();
    const beyond = { limit: 8, width: 8, hadItsTime: false };
    await beginBurst(work.db, burstId, fence, 8, true);
    await add(1);
    expect(await beginBeyondBurst(work.db, burstId, fence, beyond)).toHaveLength(1);
    await standStill();
    await add(6);
    expect(alone(await work.claim())).toHaveLength(6);
    expect(await beginBeyondBurst(work.db, burstId, fence, beyond)).toEqual([]);
    await add(8);
    expect(await beginBeyondBurst(work.db, burstId, fence, beyond)).toEqual([]);
    expect(await isOpen()).toBe(false);
  });

  test('keeps its places from a unit whose claim was given up and that begins late', async () => {
    await work.group('g', { cap: 8 });
    await add(1);
    const claim = await work.claim();
    const [unit] = claim.executions.flatMap((execution) => execution.unit ?? []);
    await work.db.query(`update tidemark.work set state = 'ready', claim_token = null, lease_until = null`);
    await work.db.query(
      `insert into tidemark.open_burst (burst_id, group_name, workflow, execution, fence) values ('b', 'g', 'mail', 'other', gen_random_uuid())`,
    );
    const begin = () => beginWork(work.db, unit?.id as string, unit?.epoch as number);
    expect(await begin()).toBeUndefined();
    await work.db.query('delete from tidemark.open_burst');
    expect(await begin()).toMatchObject({ state: 'started' });
  });

  test('whose worker died while it waited stands in the way of nothing', async () => {
    await flow();
    await work.group('g', { cap: 8 });
    await add(1);
    const burstId = await claimBurst();
    await run(burstId, () => {});
    // As it was before it closed.
    await work.db.query(
      `insert into tidemark.open_burst (burst_id, group_name, workflow, execution, fence, seen_at)
       values ($1, 'g', 'mail', 'gone', gen_random_uuid(), clock_timestamp() - interval '61 seconds')`,
      [burstId],
    );
    await add(1);
    expect((await work.claim()).units).toBe(1);
    await sweep(work.db, { staleAfterMs: 60_000, pendingAfterMs: 60_000, isRunning: async () => true });
    expect(await isOpen()).toBe(false);
  });
});
