/** What the sweep finds, what it counts, and what it leaves alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failWork, finishWork, recordProgress } from '../../src/work/end.ts';
import { type SweepOptions, sweep, sweepCounters } from '../../src/work/sweep.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

const ERROR = { code: 'broken', message: 'it is broken' };
const NOTHING_FOUND = {
  expired: 0,
  expired_lease: 0,
  expired_subscription: 0,
  gone_execution: 0,
  missing_blob: 0,
  pending_without_unit: 0,
  pruned: 0,
  pruned_messages: 0,
  superseded: 0,
  unclaimed_workflow: 0,
};

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail');
});
afterAll(() => database.drop());
beforeEach(() => work.clear());

const neverAsked = (execution: string): never => {
  throw new Error(`asked about ${execution}`);
};
const pass = (options: Partial<SweepOptions> = {}) =>
  sweep(work.db, { staleAfterMs: 60_000, pendingAfterMs: 60_000, isRunning: neverAsked, ...options });
const endsWith = async (id: string) => finishWork(work.db, await work.begin(id), {});
const passTime = (id: string, minutes: number) =>
  work.db.query(
    `update tidemark.work set check_after = check_after - $2::integer * interval '1 minute', finished_at = finished_at - $2::integer * interval '1 minute' where id = $1`,
    [id, minutes],
  );

describe('a running unit', () => {
  test('is not asked about before it has been silent for a minute', async () => {
    await work.add({ id: 'mail/1' });
    const unit = await work.begin('mail/1');
    await pass();
    await passTime('mail/1', 2);
    await recordProgress(work.db, unit, { at: 1 });
    await pass();
    expect(await sweepCounters(work.db)).toEqual(NOTHING_FOUND);
  });

  test('whose execution runs is left alone, and asked about again after a growing while', async () => {
    await work.add({ id: 'mail/1' });
    await work.begin('mail/1');
    const waits: number[] = [];
    let asked = 0;
    for (let looks = 0; looks < 9; looks += 1) {
      await passTime('mail/1', 600);
      await pass({
        isRunning: async () => {
          asked += 1;
          return true;
        },
      });
      await pass();
      waits.push(Math.round(((await work.row('mail/1')).check_after as Date).getTime() - Date.now()) / 60_000);
    }
    expect(asked).toBe(9);
    expect(waits.map(Math.round)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect((await work.row('mail/1')).state).toBe('started');
    expect(await sweepCounters(work.db)).toEqual(NOTHING_FOUND);
  });

  test('whose execution is gone gets a new epoch and is counted once, by any number of sweeps at once', async () => {
    await work.add({ id: 'mail/1' });
    await work.add({ id: 'mail/2' });
    const unit = await work.begin('mail/1');
    await work.begin('mail/2');
    await passTime('mail/1', 2);
    const { execution } = await work.row('mail/1');
    let answer = (_: boolean) => {};
    const answered = new Promise<boolean>((resolve) => {
      answer = resolve;
    });
    let askers = 0;
    const isRunning = (asked: string) => {
      expect(asked).toBe(execution);
      askers += 1;
      if (askers === 3) answer(false);
      return answered;
    };
    await Promise.all([pass({ isRunning }), pass({ isRunning }), pass({ isRunning })]);
    expect(await work.row('mail/1')).toMatchObject({ state: 'ready', alone: true, fence: null });
    expect(Number((await work.row('mail/1')).epoch)).toBeGreaterThan(unit.epoch);
    expect((await work.row('mail/2')).state).toBe('started');
    expect(await sweepCounters(work.db)).toEqual({ ...NOTHING_FOUND, gone_execution: 1 });
  });

  test('that finished by itself while Temporal was asked stays finished', async () => {
    await work.add({ id: 'mail/1' });
    const unit = await work.begin('mail/1');
    await passTime('mail/1', 2);
    await pass({
      isRunning: async () => {
        await finishWork(work.db, unit, {});
        return false;
      },
    });
    expect((await work.row('mail/1')).state).toBe('done');
    expect(await sweepCounters(work.db)).toEqual(NOTHING_FOUND);
  });

  test('is left as it is while Temporal cannot say; everything that needs no Temporal is swept all the same', async () => {
    await work.add({ id: 'mail/1' });
    await work.begin('mail/1');
    await passTime('mail/1', 2);
    await work.add({ id: 'mail/late', expiresAt: new Date(Date.now() - 1_000) });
    await expect(pass({ isRunning: () => Promise.reject(new Error('unreachable')) })).rejects.toThrow('unreachable');
    expect(await work.states()).toEqual({ 'mail/1': 'started', 'mail/late': 'expired' });
  });
});

describe('expiry', () => {
  test('takes what was not claimed in time, and nothing that has been', async () => {
    const past = new Date(Date.now() - 1_000);
    await work.add({ id: 'mail/claimed', expiresAt: past, priority: -1 });
    await work.claim({ maxInFlight: 1 });
    await work.add({ id: 'mail/late', expiresAt: past });
    await work.add({ id: 'mail/in-time', expiresAt: new Date(Date.now() + 60_000) });
    await work.add({ id: 'mail/any-time' });
    await pass();
    expect(await work.states()).toEqual({
      'mail/any-time': 'ready',
      'mail/claimed': 'claimed',
      'mail/in-time': 'ready',
      'mail/late': 'expired',
    });
    expect(await sweepCounters(work.db)).toEqual({ ...NOTHING_FOUND, expired: 1 });
  });

  test('of an earlier life does not end a unit that is asked for again', async () => {
    await work.add({ id: 'mail/1', expiresAt: new Date(Date.now() - 1_000), input: { old: true } });
    await pass();
    expect(await work.add({ id: 'mail/1', priority: 3, input: { old: false } })).toBe('added');
    await pass();
    expect(await work.row('mail/1')).toMatchObject({ state: 'ready', expires_at: null, priority: 3, input: { old: false } });
  });
});

describe('retention', () => {
  test('keeps the last units of each group as the group says; dead ones until they are discarded', async () => {
    await work.group('short', { keepFinished: 2 });
    await work.group('long', { keepFinished: 4 });
    for (let n = 0; n < 5; n += 1) {
      for (const group of ['short', 'long']) {
        await work.add({ id: `mail/${group}-${n}`, group });
        await endsWith(`mail/${group}-${n}`);
        await work.add({ id: `mail/${group}-dead-${n}`, group });
        await failWork(work.db, await work.begin(`mail/${group}-dead-${n}`), ERROR, { dead: true });
      }
    }
    await work.add({ id: 'mail/short-waiting', group: 'short' });
    await pass();
    const left = Object.entries(await work.states()).map(([id, state]) => `${id} ${state}`);
    const kept = (group: string, from: number) => Array.from({ length: 5 - from }, (_, n) => `mail/${group}-${n + from} done`);
    const dead = (group: string) => Array.from({ length: 5 }, (_, n) => `mail/${group}-dead-${n} dead`);
    expect(left.sort()).toEqual(
      [...kept('short', 3), ...kept('long', 1), ...dead('short'), ...dead('long'), 'mail/short-waiting ready'].sort(),
    );
    expect(await sweepCounters(work.db)).toEqual({ ...NOTHING_FOUND, pruned: 4 });
    await work.db.query(`select tidemark.discard_work('mail/short-dead-0')`);
    await pass();
    expect(await work.row('mail/short-1')).toBeUndefined();
    expect(await work.row('mail/short-dead-0')).toMatchObject({ state: 'cancelled' });
  });

  test('is the last 1,000 of a group where nobody says otherwise', async () => {
    await work.add({ id: 'mail/0' });
    const { rows } = await work.db.query('select keep_finished from tidemark.work_group');
    expect(rows).toEqual([{ keep_finished: 1_000 }]);
  });

  test('forgets keys without units, and no key that has one', async () => {
    await work.add({ id: 'mail/1', key: 'kept' });
    await work.add({ id: 'mail/2', key: 'forgotten' });
    await endsWith('mail/2');
    await pass();
    const { rows } = await work.db.query('select ordering_key from tidemark.work_key');
    expect(rows).toEqual([{ ordering_key: 'kept' }]);
    await work.add({ id: 'mail/3', key: 'forgotten' });
    await work.add({ id: 'mail/4', key: 'forgotten' });
    expect(await work.states()).toMatchObject({ 'mail/3': 'ready', 'mail/4': 'waiting' });
  });

  test('of keys does not disorder a key that is published to at the same time', async () => {
    for (let round = 0; round < 20; round += 1) {
      await work.add({ id: `mail/${round}-a`, key: 'k' });
      const unit = await work.begin(`mail/${round}-a`);
      await Promise.all([finishWork(work.db, unit, {}), pass(), work.add({ id: `mail/${round}-b`, key: 'k' }), pass()]);
      await work.add({ id: `mail/${round}-c`, key: 'k' });
      expect(await work.states()).toMatchObject({ [`mail/${round}-b`]: 'ready', [`mail/${round}-c`]: 'waiting' });
      await endsWith(`mail/${round}-b`);
      await endsWith(`mail/${round}-c`);
    }
  });
});

test('what is kept is not read to find what is to go, however much it is', async () => {
  const kept = 3_000;
  await work.group('mail', {});
  // Who may look at statistics and analyze.
  const client = await database.ownerPool.connect();
  try {
    await client.query('begin');
    await client.query(`set local search_path to tidemark`);
    for (const insert of [
      `insert into work (id, workflow, group_name, state, epoch, first_epoch, expires_at) select 'mail/' || n, 'mail', 'mail', 'ready', n, n, now() + interval '1 day'`,
      `insert into message (topic, data) select 'kept', '1'`,
      `insert into message_dedupe (topic, dedupe_key, message_id) select 'kept', n, n`,
      `insert into processed (subscription, message_id) select 'kept', n`,
      `insert into work_decision (work_id, epoch, decision, error_code) select 'mail/' || n, 1, 'discard', 'broken'`,
      `insert into job_dedupe (name, key, job_id, input_hash, until, prune_after) select 'kept', n, n, '', now() + interval '1 day', now() + interval '1 day'`,
    ]) {
      await client.query(`${insert} from generate_series(1, ${kept}) n`);
    }
    await client.query('analyze work, message, message_dedupe, processed, work_decision, job_dedupe');
    const tables = ['work', 'message', 'message_dedupe', 'processed', 'work_decision', 'job_dedupe'];
    const read = async (): Promise<number[]> => {
      const { rows } = await client.query(
        `select (seq_tup_read + idx_tup_fetch)::integer as read from pg_stat_xact_user_tables where schemaname = 'tidemark' and relname = any ($1) order by relname`,
        [tables],
      );
      return rows.map((row) => row.read);
    };
    const before = await read();
    expect(before).toHaveLength(tables.length);
    await client.query(`select expire_work(500), prune_messages(interval '7 days', 5000), prune_decisions(5000), prune_jobs(5000)`);
    // The planner itself looks at some at the ends of an index.
    expect(Math.max(...(await read()).map((rows, table) => rows - (before[table] ?? 0)))).toBeLessThan(20);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('a workflow that no worker has named for ten minutes is a counter, not a death', async () => {
  await work.register('nobody');
  await work.add({ id: 'nobody/1', notBefore: new Date(Date.now() - 9 * 60_000) });
  await work.add({ id: 'nobody/2', notBefore: new Date(Date.now() - 8 * 60_000) });
  await database.ownerPool.query(`delete from tidemark.workflow_name where name = 'nobody'`);
  await pass();
  expect(await sweepCounters(work.db)).toEqual(NOTHING_FOUND);
  await work.db.query(`update tidemark.work set not_before = not_before - interval '2 minutes' where id = 'nobody/1'`);
  await pass();
  expect(await sweepCounters(work.db)).toEqual({ ...NOTHING_FOUND, unclaimed_workflow: 1 });
  await work.register('nobody');
  await pass();
  expect(await sweepCounters(work.db)).toEqual(NOTHING_FOUND);
  expect(await work.count('ready')).toBe(2);
});

test('where nothing was killed every counter is 0', async () => {
  await work.log('l');
  await work.append('l', ...Array.from({ length: 20 }, () => ({ pending: 'mail' })));
  for (let n = 0; n < 20; n += 1) {
    await endsWith(`mail/l/${n}`);
    await pass({ staleAfterMs: 60_000, pendingAfterMs: 0 });
  }
  expect(await sweepCounters(work.db)).toEqual(NOTHING_FOUND);
});
