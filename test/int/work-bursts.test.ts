/** A burst carries out its units side by side, each begun and finished on its own; run again, it does what is left. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UnavailableError } from '../../src/errors.ts';
import { type BurstOptions, runBurst } from '../../src/work/run-burst.ts';
import type { Unit, UnitContext, UnitHandler, UnitOutcome } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 30 });
  work = workRows(database);
  await work.register('mail');
  await database.ownerPool.query('create table public.effect (unit text); grant all on public.effect to tidemark_app');
});
afterAll(() => database.drop());
beforeEach(async () => {
  await work.clear();
  await database.ownerPool.query('delete from public.effect');
});

/** Claimed, and marked as a starter does. */
async function burstOf(units: number): Promise<string> {
  for (let n = 0; n < units; n += 1) await work.add({ id: `mail/${String(n).padStart(3, '0')}` });
  const claim = await work.claim({ maxInFlight: 0, burstThreshold: 0 });
  await work.markAll(claim);
  return claim.executions[0]?.burst?.id as string;
}

const handled = (
  run: (unit: Unit, context: UnitContext) => Promise<UnitOutcome | 'long'>,
  more: Partial<UnitHandler> = {},
): UnitHandler => ({
  workflow: 'mail',
  deadlineMs: 10_000,
  maxAttempts: 3,
  run,
  ...more,
});
const takeEffect = async (unit: Unit, { db }: UnitContext): Promise<UnitOutcome> => {
  await db.query('insert into public.effect values ($1)', [unit.id]);
  return {};
};
const run = (burstId: string, handler: UnitHandler | undefined, options: Partial<BurstOptions> = {}) =>
  runBurst(burstId, {
    pool: database.pool,
    schema: 'tidemark',
    handlerOf: () => handler,
    signal: new AbortController().signal,
    width: 8,
    unitBudgetMs: 5_000,
    ...options,
  });
const effects = async (): Promise<string[]> =>
  (await database.pool.query('select unit from public.effect order by unit')).rows.map(({ unit }) => unit);
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `mail/${String(from + n).padStart(3, '0')}`);

/** Lets those through that it was opened for; the others wait. */
function gate() {
  const waiting: string[] = [];
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    waiting,
    open,
    async pass(unit: Unit) {
      waiting.push(unit.id);
      await opened;
    },
  };
}

test('does each unit once, at most its width of them at once', async () => {
  const burstId = await burstOf(30);
  let atOnce = 0;
  let peak = 0;
  const counts = await run(
    burstId,
    handled(async (unit, context) => {
      atOnce += 1;
      peak = Math.max(peak, atOnce);
      const outcome = await takeEffect(unit, context);
      atOnce -= 1;
      return outcome;
    }),
    { width: 4 },
  );
  expect(counts).toEqual({ finished: 30, released: 0 });
  expect(await effects()).toEqual(ids(0, 30));
  expect(await work.count('done')).toBe(30);
  expect(peak).toBe(4);
});

describe('leaves to run alone, in a new epoch, and the others are done', () => {
  const releasesTheThird = async (handler: UnitHandler, options: Partial<BurstOptions> = {}, error: object | null = null) => {
    const burstId = await burstOf(10);
    const { epoch } = await work.row('mail/003');
    expect(await run(burstId, handler, options)).toEqual({ finished: 9, released: 1 });
    expect(await effects()).toEqual([...ids(0, 3), ...ids(4, 10)]);
    const left = await work.row('mail/003');
    expect(left).toMatchObject({ state: 'ready', burst_id: null, alone: true, unended: 0, fence: null });
    if (error) expect(left.error).toMatchObject(error);
    expect(Number(left.epoch)).toBeGreaterThan(Number(epoch));
  };
  const third =
    (special: (unit: Unit, context: UnitContext) => Promise<UnitOutcome | 'long'>) =>
    (unit: Unit, context: UnitContext): Promise<UnitOutcome | 'long'> =>
      unit.id === 'mail/003' ? special(unit, context) : takeEffect(unit, context);

  test('a unit whose handler fails, whatever it has written', () =>
    releasesTheThird(
      handled(
        third(async (unit, context) => {
          await takeEffect(unit, context);
          throw new Error('no such customer');
        }),
      ),
      {},
      { message: 'no such customer' },
    ));

  test('a unit that meets a deadlock, which is not counted', async () => {
    const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01' });
    await releasesTheThird(handled(third(() => Promise.reject(deadlock))), {}, { code: '40P01' });
    expect(await work.row('mail/003')).toMatchObject({ failures: 0 });
  });

  test('a unit that turns out long', () => releasesTheThird(handled(third(async () => 'long'))));

  test('a unit that ignores its deadline', () =>
    releasesTheThird(
      handled(
        third(() => delay(60_000, {}, { ref: false })),
        { deadlineMs: 300 },
      ),
      {},
      { message: expect.stringContaining('300 ms') },
    ));

  test('a unit whose statement hangs', () =>
    releasesTheThird(
      handled(
        third(async (_, { db }) => {
          await db.query('select pg_sleep(5)');
          return {};
        }),
        { deadlineMs: 300 },
      ),
    ));
});

test('units that this worker cannot run leave it', async () => {
  const burstId = await burstOf(5);
  expect(await run(burstId, undefined)).toEqual({ finished: 0, released: 5 });
  expect(await work.count('ready', 'alone')).toBe(5);
});

describe('an infrastructure error', () => {
  test('stops the burst, nothing leaves it, and the next attempt does what is left', async () => {
    const burstId = await burstOf(30);
    let down = true;
    let calls = 0;
    const handler = handled(async (unit, context) => {
      calls += 1;
      if (down && calls > 10) throw new UnavailableError('the blob store is down');
      return takeEffect(unit, context);
    });
    for (let attempts = 0; attempts < 3; attempts += 1) await expect(run(burstId, handler)).rejects.toThrow('the blob store is down');
    expect(await work.count('started', `burst_id = '${burstId}' and unended = 0 and fence is null`)).toBe(20);
    expect(await work.count('done')).toBe(10);
    expect(await work.count('started', `error ->> 'message' = 'the blob store is down'`)).toBeGreaterThan(0);
    down = false;
    expect(await run(burstId, handler)).toEqual({ finished: 20, released: 0 });
    expect(await effects()).toEqual(ids(0, 30));
  });

  test('that lasts never makes a unit dead', async () => {
    const burstId = await burstOf(8);
    for (let attempts = 0; attempts < 12; attempts += 1) {
      await expect(
        run(
          burstId,
          handled(() => Promise.reject(new UnavailableError('down'))),
        ),
      ).rejects.toThrow('down');
    }
    expect(await run(burstId, handled(takeEffect))).toEqual({ finished: 8, released: 0 });
  });
});

test('a worker that shuts down leaves the burst whole for the next attempt', async () => {
  const burstId = await burstOf(20);
  const stop = new AbortController();
  const held = gate();
  const stopped = run(
    burstId,
    handled(async (unit, { signal }) => {
      await Promise.race([held.pass(unit), delay(60_000, {}, { signal, ref: false })]);
      return {};
    }),
    { signal: stop.signal },
  );
  stopped.catch(() => {});
  await until('eight units run', () => held.waiting.length === 8);
  stop.abort(new Error('the worker shuts down'));
  await expect(stopped).rejects.toThrow();
  expect(await work.count('started', `burst_id = '${burstId}' and unended = 0`)).toBe(20);
  expect(await run(burstId, handled(takeEffect))).toEqual({ finished: 20, released: 0 });
});

describe('an attempt that is run again while the one before still runs', () => {
  test('takes over: what was begun leaves, the rest is its own, and the zombie begins nothing more', async () => {
    const burstId = await burstOf(40);
    const zombieGate = gate();
    const presentGate = gate();
    const held = (at: ReturnType<typeof gate>) =>
      handled(async (unit, context) => {
        await at.pass(unit);
        return takeEffect(unit, context);
      });
    const zombie = run(burstId, held(zombieGate), { width: 4 });
    await until('the zombie holds four', () => zombieGate.waiting.length === 4);
    const present = run(burstId, held(presentGate), { width: 4 });
    await until('the present attempt holds four', () => presentGate.waiting.length === 4);
    expect(await work.count('ready', 'alone')).toBe(4);

    zombieGate.open();
    expect(await zombie).toEqual({ finished: 0, released: 0 });
    // What the present attempt holds is still its own.
    expect(await work.count('ready', 'alone')).toBe(4);
    presentGate.open();
    expect(await present).toEqual({ finished: 36, released: 0 });
    expect(zombieGate.waiting).toHaveLength(4);
    expect(await effects()).toEqual(ids(4, 40));
    expect(await work.count('done')).toBe(36);
  });

  test('after a death does what had not been begun; what had been begun runs alone', async () => {
    const burstId = await burstOf(20);
    const dead = gate();
    void run(
      burstId,
      handled((unit) => dead.pass(unit).then(() => ({}))),
      { width: 3 },
    );
    await until('the dying attempt holds three', () => dead.waiting.length === 3);
    expect(await run(burstId, handled(takeEffect))).toEqual({ finished: 17, released: 0 });
    expect(await work.count('ready', 'alone and unended = 1')).toBe(3);
    expect(await effects()).toEqual(ids(3, 20));
    dead.open();
  });
});

test('whose unit another attempt has begun meanwhile records no end for it, and says that its worker lives', async () => {
  const burstId = await burstOf(3);
  const takenOver = handled(async ({ id }) => {
    if (id === 'mail/001') {
      await work.db.query(
        `update tidemark.work set burst_id = null, fence = gen_random_uuid(), attempt = attempt + 1, unended = unended + 1 where id = $1`,
        [id],
      );
    }
    return {};
  });
  expect(await run(burstId, takenOver)).toEqual({ finished: 2, released: 0 });
  expect(await work.row('mail/001')).toMatchObject({ state: 'started', attempt: 2, unended: 1 });
});

test('of which nothing is left has nothing to do', async () => {
  const burstId = await burstOf(5);
  await run(burstId, handled(takeEffect));
  expect(await run(burstId, handled(takeEffect))).toEqual({ finished: 0, released: 0 });
  expect(await run('neverwas', handled(takeEffect))).toEqual({ finished: 0, released: 0 });
});
