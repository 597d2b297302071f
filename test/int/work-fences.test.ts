import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { beginWork } from '../../src/work/begin.ts';
import { renewWork } from '../../src/work/claim.ts';
import { failWork, finishWork, recordProgress, releaseWork } from '../../src/work/end.ts';
import { runUnit } from '../../src/work/run-unit.ts';
import type { Unit, UnitHandler } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

const ERROR = { code: 'broken', message: 'it is broken' };

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

const ID = 'mail/l/0';
const begin = () => work.begin(ID);
const effects = async () => (await database.pool.query('select unit, attempt from public.effect order by attempt')).rows;

const EVERY_END: [string, (unit: Unit) => Promise<void>][] = [
  ['finishing', (unit) => finishWork(work.db, unit, { result: 'zombie', snapshot: 'zombie' })],
  ['failing', (unit) => failWork(work.db, unit, ERROR, { dead: false })],
  ['giving up', (unit) => failWork(work.db, unit, ERROR, { dead: true })],
  ['reporting progress', (unit) => recordProgress(work.db, unit, { at: 'zombie' })],
  ['leaving its burst', (unit) => releaseWork(work.db, unit, { error: ERROR })],
];

describe('a zombie attempt', () => {
  const refusedAndNothingChanged = async (zombie: Unit, act: (unit: Unit) => Promise<void>) => {
    const before = [await work.row(ID), await work.entry('l', 0)];
    await expect(act(zombie)).rejects.toMatchObject({ code: 'fenced' });
    expect([await work.row(ID), await work.entry('l', 0)]).toEqual(before);
  };

  test.each(EVERY_END)('of the same epoch changes nothing by %s', async (_, act) => {
    const zombie = await begin();
    const present = await begin();
    expect(present.attempt).toBe(zombie.attempt + 1);
    await refusedAndNothingChanged(zombie, act);
    await finishWork(work.db, present, { snapshot: 'mine' });
    await refusedAndNothingChanged(zombie, act);
    expect(await work.entry('l', 0)).toEqual({ pending: null, snapshot: 'mine', history: null });
  });

  test.each(EVERY_END)('of an older epoch changes nothing by %s', async (_, act) => {
    const zombie = await begin();
    await renewWork(work.db, (await work.row(ID)).execution as string);
    await refusedAndNothingChanged(zombie, act);
    const present = await begin();
    expect(present.epoch).toBeGreaterThan(zombie.epoch);
    await refusedAndNothingChanged(zombie, act);
    await finishWork(work.db, present, {});
    await refusedAndNothingChanged(zombie, act);
  });

  test.each(EVERY_END)('whose unit is gone changes nothing by %s', async (_, act) => {
    const zombie = await begin();
    await finishWork(work.db, zombie, {});
    await work.group('ledger', { keepFinished: 0 });
    await work.db.query('select tidemark.prune_work(100)');
    await expect(act(zombie)).rejects.toMatchObject({ code: 'fenced' });
  });

  test('of an older epoch cannot begin', async () => {
    const zombie = await begin();
    await renewWork(work.db, (await work.row(ID)).execution as string);
    expect(await beginWork(work.db, ID, zombie.epoch)).toBeUndefined();
  });

  test('has its own statements rolled back', async () => {
    const zombie = await begin();
    const handler: UnitHandler = {
      workflow: 'mail',
      deadlineMs: 10_000,
      maxAttempts: 5,
      async run(unit, { db }) {
        await db.query('insert into public.effect values ($1, $2)', [unit.id, unit.attempt]);
        await begin();
        return {};
      },
    };
    const outcome = await runUnit(zombie, handler, {
      pool: database.pool,
      schema: 'tidemark',
      signal: new AbortController().signal,
      deadlineMs: 10_000,
    });
    expect(outcome).toEqual({ type: 'fenced' });
    expect(await effects()).toEqual([]);
  });

  test('that finishes at the same moment as the attempt that took over: one of them counts, never both', async () => {
    for (let round = 1; round <= 10; round += 1) {
      await work.append('l', { pending: 'mail' });
      const id = `mail/l/${round}`;
      if (round === 1) await finishWork(work.db, await begin(), {});
      const attempts = [await work.begin(id), await work.begin(id)];
      const ends = await Promise.allSettled(
        attempts.map((unit) =>
          inTransaction(database.pool, async (client) => {
            await client.query('insert into public.effect values ($1, $2)', [unit.id, unit.attempt]);
            await finishWork(workRows(database, client).db, unit, {});
          }),
        ),
      );
      expect(ends.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    }
    expect(await effects()).toEqual(Array.from({ length: 10 }, (_, n) => ({ unit: `mail/l/${n + 1}`, attempt: 2 })));
  });
});

describe('a beginning', () => {
  test('whose count was lost in a crash of Postgres has not lost its fence', async () => {
    // What is there after the crash: the row before the beginning of the second attempt, which goes on.
    const first = await begin();
    const before = await work.row(ID);
    const second = await begin();
    await work.db.query('update tidemark.work set attempt = $1, unended = $2, fence = $3', [before.attempt, before.unended, before.fence]);
    await expect(finishWork(work.db, second, { snapshot: 'second' })).rejects.toMatchObject({ code: 'fenced' });
    // And a third attempt with the same count as the second is still told apart from it.
    const third = await begin();
    expect(third.attempt).toBe(second.attempt);
    for (const [, act] of EVERY_END) await expect(act(second)).rejects.toMatchObject({ code: 'fenced' });
    await expect(finishWork(work.db, first, {})).rejects.toMatchObject({ code: 'fenced' });
    await finishWork(work.db, third, { snapshot: 'third' });
    expect(await work.entry('l', 0)).toMatchObject({ snapshot: 'third' });
  });

  test('without an end, the sixth time in a row, finds the unit dead: its worker died while running it', async () => {
    for (let attempt = 1; attempt <= 5; attempt += 1) expect(await begin()).toMatchObject({ attempt, state: 'started' });
    const last = await begin();
    expect(last.state).toBe('dead');
    expect(await work.row(ID)).toMatchObject({ state: 'dead', attempt: 5, fence: null, error: { code: 'worker_died' } });
    expect(await work.entry('l', 0)).toMatchObject({ pending: 'mail' });
    expect(await beginWork(work.db, ID, last.epoch)).toBeUndefined();
  });

  test('is counted across epochs: a run that is gone is no end', async () => {
    for (let times = 1; times <= 5; times += 1) {
      await begin();
      await renewWork(work.db, (await work.row(ID)).execution as string);
    }
    expect((await begin()).state).toBe('dead');
  });

  test('is not counted once an attempt has ended, whatever its end', async () => {
    for (let times = 1; times <= 4; times += 1) await begin();
    await failWork(work.db, await begin(), ERROR, { dead: false });
    expect(await begin()).toMatchObject({ state: 'started', attempt: 6 });
  });

  test('is not counted where its attempt ended after another had taken over: nobody died of it', async () => {
    const finish: UnitHandler = { workflow: 'mail', deadlineMs: 10_000, maxAttempts: 5, run: async () => ({}) };
    const options = { pool: database.pool, schema: 'tidemark', signal: new AbortController().signal, deadlineMs: 10_000 };
    for (let times = 1; times <= 10; times += 1) {
      const zombie = await begin();
      expect(zombie.state).toBe('started');
      await begin();
      expect(await runUnit(zombie, finish, options)).toEqual({ type: 'fenced' });
      expect(await runUnit(zombie, { ...finish, run: () => Promise.reject(new Error('late')) }, options)).toEqual({ type: 'fenced' });
      expect((await work.row(ID)).unended).toBe(1);
    }
  });

  test('is counted also where the unit reports the same progress each time before its worker dies', async () => {
    for (let times = 1; times <= 5; times += 1) await recordProgress(work.db, await begin(), { step: 'opening the file' });
    expect((await begin()).state).toBe('dead');
  });

  test('is not counted where each attempt got further than the one before', async () => {
    for (let times = 1; times <= 12; times += 1) {
      const unit = await begin();
      expect(unit.state).toBe('started');
      await recordProgress(work.db, unit, { entries: times * 1_000 });
    }
  });
});

describe('of units whose worker has died twice while they ran', () => {
  const suspects = ['mail/a', 'mail/b', 'mail/c'];
  const tryToBegin = async (id: string) => beginWork(work.db, id, Number((await work.row(id)).epoch));

  beforeEach(async () => {
    for (const id of suspects) {
      await work.add({ id });
      await work.begin(id);
      await work.begin(id);
    }
  });

  test('one at a time is tried, the others later, however many begin at once', async () => {
    const answers = await Promise.all(suspects.map(tryToBegin));
    expect(answers.filter((answer) => answer === 'later')).toHaveLength(2);
    const tried = answers.find((answer) => typeof answer === 'object') as Unit;
    expect(tried).toMatchObject({ state: 'started', attempt: 3 });
    for (const id of suspects.filter((other) => other !== tried.id)) {
      expect(await tryToBegin(id)).toBe('later');
      expect(await work.row(id)).toMatchObject({ attempt: 2, unended: 2 });
    }
    // Units that have done nothing are not kept waiting.
    expect(await begin()).toMatchObject({ state: 'started' });
    await finishWork(work.db, tried, {});
    expect(
      (await Promise.all(suspects.filter((other) => other !== tried.id).map(tryToBegin))).filter((answer) => answer === 'later'),
    ).toHaveLength(1);
  });

  test('the one on trial is tried again and again, until it is dead; then the next', async () => {
    for (let times = 3; times <= 5; times += 1) {
      expect(await tryToBegin('mail/a')).toMatchObject({ attempt: times });
      expect(await tryToBegin('mail/b')).toBe('later');
    }
    expect(await tryToBegin('mail/a')).toMatchObject({ state: 'dead' });
    expect(await tryToBegin('mail/b')).toMatchObject({ state: 'started', attempt: 3 });
  });

  test('the others do not wait for ever for one that runs long', async () => {
    await tryToBegin('mail/a');
    expect(await tryToBegin('mail/b')).toBe('later');
    await work.db.query(`update tidemark.work set begun_at = begun_at - interval '11 seconds' where id = 'mail/a'`);
    expect(await tryToBegin('mail/b')).toMatchObject({ state: 'started' });
  });
});
