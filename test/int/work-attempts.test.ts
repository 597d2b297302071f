/** How one attempt of a unit ends, and what its end means for the unit. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { carryOutActivities } from '../../src/activities/carry-out.ts';
import { InvalidInputError, UnavailableError } from '../../src/errors.ts';
import { failWork, finishWork } from '../../src/work/end.ts';
import { runUnit } from '../../src/work/run-unit.ts';
import type { Unit, UnitHandler } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

const ERROR = { code: 'broken', message: 'it is broken' };
const ID = 'mail/l/0';

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail');
  await database.ownerPool.query('create table public.effect (unit text, attempt integer); grant all on public.effect to tidemark_app');
});
afterAll(() => database.drop());
beforeEach(async () => {
  await work.clear();
  await database.ownerPool.query('delete from public.effect');
  await work.log('l');
  await work.append('l', { pending: 'mail' });
});

const begin = () => work.begin(ID);
const effects = async () => (await database.pool.query('select unit, attempt from public.effect order by attempt')).rows;

describe('an attempt', () => {
  const attempt = (
    handler: Partial<UnitHandler> & Pick<UnitHandler, 'run'>,
    unit: Unit,
    options: { deadlineMs?: number; signal?: AbortSignal } = {},
  ) =>
    runUnit(
      unit,
      { workflow: 'mail', deadlineMs: 10_000, maxAttempts: 3, ...handler },
      { pool: database.pool, schema: 'tidemark', signal: new AbortController().signal, deadlineMs: 10_000, ...options },
    );
  const fails = (error: unknown) => ({ run: () => Promise.reject(error) });

  test('commits the statements of its handler with its end, once', async () => {
    const outcome = await attempt(
      {
        async run(unit, { db }) {
          await db.query('insert into public.effect values ($1, $2)', [unit.id, unit.attempt]);
          expect(await effects()).toEqual([]);
          return { result: { sent: true } };
        },
      },
      await begin(),
    );
    expect(outcome).toEqual({ type: 'finished' });
    expect(await effects()).toEqual([{ unit: ID, attempt: 1 }]);
    expect(await work.row(ID)).toMatchObject({ state: 'done', result: { sent: true } });
  });

  test("that ends in its handler's own error is tried again, as often as the handler says, then dead with that error", async () => {
    for (let times = 1; times <= 2; times += 1) {
      expect(await attempt(fails(new Error('no such customer')), await begin())).toMatchObject({ type: 'failed', kind: 'handler' });
      expect(await work.row(ID)).toMatchObject({ state: 'started', unended: 0, error: { message: 'no such customer' } });
    }
    expect(await attempt(fails(new Error('no such customer')), await begin())).toMatchObject({ type: 'dead' });
    expect(await work.row(ID)).toMatchObject({ state: 'dead', error: { code: 'handler_failed', message: 'no such customer' } });
  });

  test('whose error holds what no text can is dead of that error, and of nothing else', async () => {
    const broken = { maxAttempts: 1, ...fails(new Error(`${'x'.repeat(1_990)}\0 \ud83d ${'🙂'.repeat(10)}`)) };
    expect(await attempt(broken, await begin())).toMatchObject({ type: 'dead' });
    expect(await work.row(ID)).toMatchObject({
      state: 'dead',
      unended: 0,
      error: { code: 'handler_failed', message: `${'x'.repeat(1_990)}\ufffd \ufffd 🙂🙂🙂` },
    });
  });

  test('that ends for want of something else is tried for ever, and never counts as the handler’s own error', async () => {
    for (let times = 1; times <= 8; times += 1) {
      expect(await attempt(fails(new UnavailableError('the disk is full')), await begin())).toMatchObject({
        type: 'failed',
        kind: 'infrastructure',
      });
    }
    expect(await attempt(fails(new Error('no such customer')), await begin())).toMatchObject({ type: 'failed', kind: 'handler' });
    expect(await work.row(ID)).toMatchObject({ state: 'started' });
  });

  test('that was stopped with its worker never counts as the handler’s own error', async () => {
    for (let times = 1; times <= 5; times += 1) {
      const stop = new AbortController();
      const stopped = attempt({ run: (_, { signal }) => delay(10_000, {}, { signal }) }, await begin(), { signal: stop.signal });
      stop.abort(new Error('the worker shuts down'));
      expect(await stopped).toMatchObject({ type: 'failed', kind: 'infrastructure', error: { code: 'interrupted' } });
    }
    expect(await attempt({ run: async () => ({}) }, await begin())).toEqual({ type: 'finished' });
  });

  test('that can never succeed is dead at once', async () => {
    expect(await attempt(fails(new InvalidInputError('the entry is corrupt')), await begin())).toMatchObject({ type: 'dead' });
    expect(await work.row(ID)).toMatchObject({ state: 'dead', error: { code: 'invalid_input', message: 'the entry is corrupt' } });
  });

  test('whose result is over 256 KB is dead, and its statements are rolled back', async () => {
    const outcome = await attempt(
      {
        async run(unit, { db }) {
          await db.query('insert into public.effect values ($1, $2)', [unit.id, unit.attempt]);
          return { result: 'x'.repeat(256 * 1024) };
        },
      },
      await begin(),
    );
    expect(outcome).toMatchObject({ type: 'dead', error: { message: expect.stringContaining('262144') } });
    expect(await effects()).toEqual([]);
  });

  test('whose handler swallowed a failed statement does not end as if all were well', async () => {
    const outcome = await attempt(
      {
        async run(unit, { db }) {
          await db.query('insert into public.effect values ($1, $2)', [unit.id, unit.attempt]);
          await db.query('select 1 / 0').catch(() => {});
          return {};
        },
      },
      await begin(),
    );
    expect(outcome).toMatchObject({ type: 'failed' });
    expect(await effects()).toEqual([]);
    expect(await work.row(ID)).toMatchObject({ state: 'started' });
  });

  test('that ignores its deadline has ended without effect, and what it writes later is refused', async () => {
    let late: Promise<unknown> | undefined;
    const outcome = await attempt(
      {
        run(unit, { db }) {
          late = until('the attempt is over', async () => (await work.row(ID)).error !== null).then(() =>
            db.query('insert into public.effect values ($1, $2)', [unit.id, unit.attempt]),
          );
          late.catch(() => {});
          return late.then(() => ({}));
        },
      },
      await begin(),
      { deadlineMs: 50 },
    );
    expect(outcome).toMatchObject({ type: 'failed', kind: 'handler' });
    await expect(late).rejects.toThrow('has ended');
    expect(await effects()).toEqual([]);
  });

  test('whose statement is still running at its deadline does not hold its place until that ends', async () => {
    const before = performance.now();
    const outcome = await attempt(
      {
        async run(_, { db }) {
          await db.query('select pg_sleep(8)');
          return {};
        },
      },
      await begin(),
      { deadlineMs: 100 },
    );
    expect(outcome).toMatchObject({ type: 'failed' });
    expect(performance.now() - before).toBeLessThan(6_000);
  });

  test('without a fence of its own ends nothing', async () => {
    const unit = await begin();
    await expect(finishWork(work.db, { ...unit, fence: randomUUID() }, {})).rejects.toMatchObject({ code: 'fenced' });
    await failWork(work.db, unit, ERROR, { dead: false });
    await expect(finishWork(work.db, unit, {})).rejects.toMatchObject({ code: 'fenced' });
  });
});

describe('an attempt that began as short work and goes on for longer', () => {
  const ran: { attempt: number; signal: AbortSignal; end: (value: object) => void }[] = [];
  const handler: UnitHandler = {
    workflow: 'mail',
    deadlineMs: 10_000,
    maxAttempts: 3,
    run: ({ attempt }, { signal }) => new Promise((resolve) => ran.push({ attempt, signal, end: resolve })),
  };
  const worker = (stopped?: AbortSignal) =>
    carryOutActivities({ pool: database.pool, schema: 'tidemark', handlerOf: () => handler, watch: () => () => {}, stopped }, 50);
  type Activities = ReturnType<typeof worker>;
  let epoch: number;
  const call = (activity: Activities['runUnit'], environment = new MockActivityEnvironment()) => environment.run(activity, ID, epoch);

  beforeEach(async () => {
    ran.length = 0;
    await work.markAll(await work.claim());
    epoch = Number((await work.row(ID)).epoch);
  });

  test('is taken over by the heartbeating activity as it is', async () => {
    const { runUnit: short, runLongUnit: long } = worker();
    expect(await call(short)).toEqual({ type: 'long' });
    expect(await call(short)).toEqual({ type: 'long' });
    const taken = call(long);
    await setImmediate();
    ran[0]?.end({});
    expect(await taken).toEqual({ type: 'finished' });
    expect(ran).toHaveLength(1);
    expect(await work.row(ID)).toMatchObject({ state: 'done', attempt: 1 });
  });

  test('stops with the activity that has it, and begins anew in the next', async () => {
    const { runUnit: short, runLongUnit: long } = worker();
    await call(short);
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    const taken = call(long, environment);
    environment.cancel();
    await expect(taken).rejects.toThrow();
    expect(ran[0]?.signal.aborted).toBe(true);
    const again = call(long);
    await until('it runs again', () => ran.length === 2);
    ran[1]?.end({});
    expect(await again).toEqual({ type: 'finished' });
    expect(await work.row(ID)).toMatchObject({ state: 'done', attempt: 2, failures: 0 });
  });

  test('begins anew where another process takes it over, and is fenced off', async () => {
    await call(worker().runUnit);
    const taken = call(worker().runLongUnit);
    await until('it runs there', () => ran.length === 2);
    ran[0]?.end({ result: 'first' });
    await setImmediate();
    ran[1]?.end({ result: 'second' });
    expect(await taken).toEqual({ type: 'finished' });
    expect(await work.row(ID)).toMatchObject({ attempt: 2, result: 'second' });
  });

  test('ends with its worker where no activity has it', async () => {
    const stopped = new AbortController();
    await call(worker(stopped.signal).runUnit);
    stopped.abort(new Error('The worker has stopped.'));
    await until('it is over', async () => (await work.row(ID)).error?.code === 'interrupted');
    expect(ran[0]?.signal.aborted).toBe(true);
  });
});
