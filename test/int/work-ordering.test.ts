/** Units of one ordering key run one after another, in the order in which their transactions committed. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inSchema } from '../../src/postgres/queryable.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { refuseClaim } from '../../src/work/claim.ts';
import { failWork, finishBatch, finishWork } from '../../src/work/end.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

const ERROR = { code: 'broken', message: 'it is broken' };

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail', 'note');
});
afterAll(() => database.drop());
beforeEach(() => work.clear());

const addThree = async (group = 'g') => {
  for (const id of ['mail/a', 'mail/b', 'mail/c']) await work.add({ id, key: 'k', group });
};
const stateOf = async (id: string) => (await work.row(id)).state;
const call = async (name: string, id: string) => (await work.db.query(`select tidemark.${name}($1) as answer`, [id])).rows[0].answer;

/** Whoever waits for a lock in this database. */
const waitingForLock = () =>
  until('somebody waits for a lock', async () => {
    const { rows } = await database.ownerPool.query(
      `select count(*)::integer as backends from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0].backends;
  });

describe('units of one key', () => {
  test('wait behind the first one, and each end moves the head by one', async () => {
    await addThree();
    expect(await work.states()).toEqual({ 'mail/a': 'ready', 'mail/b': 'waiting', 'mail/c': 'waiting' });
    await finishWork(work.db, await work.begin('mail/a'), {});
    expect(await work.states()).toEqual({ 'mail/a': 'done', 'mail/b': 'ready', 'mail/c': 'waiting' });
    await finishWork(work.db, await work.begin('mail/b'), {});
    await finishWork(work.db, await work.begin('mail/c'), {});
    expect(await work.states()).toEqual({ 'mail/a': 'done', 'mail/b': 'done', 'mail/c': 'done' });
  });

  test('that end together with others move the head of their key, but for one that another attempt has', async () => {
    const begun = ['a1', 'b1', 'c1', 'plain', 'taken'];
    for (const id of ['a1', 'a2', 'b1', 'b2', 'c1', 'c2']) await work.add({ id: `mail/${id}`, key: id.slice(0, 1) });
    for (const id of ['plain', 'taken']) await work.add({ id: `mail/${id}` });
    const units = [];
    for (const id of begun) units.push(await work.begin(`mail/${id}`));
    const [{ fence } = { fence: '' }] = units;
    await work.db.query(`update tidemark.work set fence = $1 where id in ('mail/b1', 'mail/plain')`, [fence]);
    expect(await finishBatch(work.db, units)).toEqual(new Set(['mail/c1', 'mail/taken']));
    expect(await work.states()).toEqual({
      ...{ 'mail/a1': 'done', 'mail/a2': 'ready', 'mail/b1': 'done', 'mail/b2': 'ready', 'mail/plain': 'done' },
      ...{ 'mail/c1': 'started', 'mail/c2': 'waiting', 'mail/taken': 'started' },
    });
  });

  test('of another group or key do not wait for them', async () => {
    await addThree();
    await work.add({ id: 'mail/other-group', key: 'k', group: 'other' });
    await work.add({ id: 'mail/other-key', key: 'l' });
    await work.add({ id: 'mail/no-key' });
    expect(await work.states()).toMatchObject({ 'mail/other-group': 'ready', 'mail/other-key': 'ready', 'mail/no-key': 'ready' });
  });

  test('of one log run in the order of its entries, whatever their workflows', async () => {
    await work.log('l');
    await work.append('l', { pending: 'note' }, {}, { pending: 'mail' }, { pending: 'note' });
    expect(await work.states()).toEqual({ 'note/l/0': 'ready', 'mail/l/2': 'waiting', 'note/l/3': 'waiting' });
    await finishWork(work.db, await work.begin('note/l/0'), {});
    expect(await work.states()).toEqual({ 'note/l/0': 'done', 'mail/l/2': 'ready', 'note/l/3': 'waiting' });
  });

  test('are in commit order, also where the one that published first commits last', async () => {
    const early = await database.pool.connect();
    const late = await database.pool.connect();
    try {
      await early.query('begin');
      await late.query('begin');
      // The early transaction is open before the late one publishes; it publishes after it.
      await early.query('select 1');
      await workRows(database, late).add({ id: 'mail/late', key: 'k' });
      const second = workRows(database, early).add({ id: 'mail/early', key: 'k' });
      await waitingForLock();
      expect(await work.states()).toEqual({});
      await late.query('commit');
      await second;
      await early.query('commit');
    } finally {
      early.release();
      late.release();
    }
    expect(await work.states()).toEqual({ 'mail/late': 'ready', 'mail/early': 'waiting' });
    expect(Number((await work.row('mail/late')).position)).toBeLessThan(Number((await work.row('mail/early')).position));
  });

  test('do not wait behind one whose transaction rolled back', async () => {
    const first = await database.pool.connect();
    await first.query('begin');
    await workRows(database, first).add({ id: 'mail/first', key: 'k' });
    const second = work.add({ id: 'mail/second', key: 'k' });
    await waitingForLock();
    await first.query('rollback');
    first.release();
    await second;
    expect(await work.states()).toEqual({ 'mail/second': 'ready' });
  });

  test('published while the head finishes are neither lost behind it nor ahead of it', async () => {
    await work.add({ id: 'mail/0', key: 'k' });
    for (let round = 0; round < 30; round += 1) {
      const unit = await work.begin(`mail/${round}`);
      await Promise.all([finishWork(work.db, unit, {}), work.add({ id: `mail/${round + 1}`, key: 'k' })]);
      expect(await stateOf(`mail/${round + 1}`)).toBe('ready');
    }
  });

  test('never run two at once, whoever says so', async () => {
    await addThree();
    await expect(work.db.query(`update tidemark.work set state = 'ready' where id = 'mail/b'`)).rejects.toMatchObject({ code: '23505' });
  });

  test('keep their order with many publishers at once', async () => {
    const commits: string[] = [];
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        inTransaction(database.pool, async (client) => {
          await workRows(database, client).add({ id: `mail/${n}`, key: 'k' });
          commits.push(`mail/${n}`);
        }),
      ),
    );
    const { rows } = await work.db.query('select id, state from tidemark.work order by position');
    expect(rows.map(({ id }) => id)).toEqual(commits);
    expect(rows.map(({ state }) => state)).toEqual(['ready', ...Array(39).fill('waiting')]);
  });
});

describe('the head of a key moves on', () => {
  test('when its unit dies', async () => {
    await addThree();
    await failWork(work.db, await work.begin('mail/a'), ERROR, { dead: true });
    expect(await work.states()).toEqual({ 'mail/a': 'dead', 'mail/b': 'ready', 'mail/c': 'waiting' });
  });

  test('not while its unit may be tried again', async () => {
    await addThree();
    await failWork(work.db, await work.begin('mail/a'), ERROR, { dead: false });
    expect(await work.states()).toEqual({ 'mail/a': 'started', 'mail/b': 'waiting', 'mail/c': 'waiting' });
  });

  test('when its unit dies because its worker did, too often', async () => {
    await addThree();
    for (let times = 0; times < 5; times += 1) await work.begin('mail/a');
    expect((await work.begin('mail/a')).state).toBe('dead');
    expect(await work.states()).toEqual({ 'mail/a': 'dead', 'mail/b': 'ready', 'mail/c': 'waiting' });
  });

  test('when Temporal refuses its unit for good', async () => {
    await addThree();
    const claim = await work.claim();
    await refuseClaim(work.db, claim.token, claim.executions[0]?.execution as string, ERROR);
    expect(await work.states()).toEqual({ 'mail/a': 'dead', 'mail/b': 'ready', 'mail/c': 'waiting' });
  });

  test('when its unit expires', async () => {
    await work.add({ id: 'mail/a', key: 'k', expiresAt: new Date(Date.now() - 1_000) });
    await work.add({ id: 'mail/b', key: 'k', expiresAt: new Date(Date.now() - 1_000) });
    await work.add({ id: 'mail/c', key: 'k' });
    expect((await work.db.query('select tidemark.expire_work(100)')).rows[0].expire_work).toBe('2');
    expect(await work.states()).toEqual({ 'mail/a': 'expired', 'mail/b': 'expired', 'mail/c': 'ready' });
  });

  test('when a host completes its entry', async () => {
    await work.log('l');
    await work.append('l', { pending: 'mail' }, { pending: 'mail' });
    await work.db.query(`select tidemark.complete_workflow('l', 0, 'mail', null, null)`);
    expect(await work.states()).toEqual({ 'mail/l/0': 'done', 'mail/l/1': 'ready' });
  });

  test('in a group that blocks: only when the dead one is redriven and done, or discarded', async () => {
    await work.group('strict', { onDead: 'block' });
    await addThree('strict');
    await failWork(work.db, await work.begin('mail/a'), ERROR, { dead: true });
    expect(await work.states()).toEqual({ 'mail/a': 'dead', 'mail/b': 'waiting', 'mail/c': 'waiting' });
    await work.add({ id: 'mail/d', key: 'k', group: 'strict' });
    expect(await stateOf('mail/d')).toBe('waiting');

    expect(await call('redrive_work', 'mail/a')).toBe(true);
    expect(await work.states()).toMatchObject({ 'mail/a': 'ready', 'mail/b': 'waiting' });
    await failWork(work.db, await work.begin('mail/a'), ERROR, { dead: true });
    expect(await call('discard_work', 'mail/a')).toBe(true);
    expect(await work.states()).toEqual({ 'mail/a': 'cancelled', 'mail/b': 'ready', 'mail/c': 'waiting', 'mail/d': 'waiting' });
  });

  test('in a group that blocks: also when the dead unit is asked for again and done', async () => {
    await work.group('strict', { onDead: 'block' });
    await addThree('strict');
    await failWork(work.db, await work.begin('mail/a'), ERROR, { dead: true });
    await work.add({ id: 'mail/a', key: 'k', group: 'strict' });
    // Asked for anew it goes behind whoever waits; nothing blocks the key any more.
    expect(await work.states()).toEqual({ 'mail/a': 'waiting', 'mail/b': 'ready', 'mail/c': 'waiting' });
  });

  test('in a group that blocks: as soon as it no longer does', async () => {
    await work.group('strict', { onDead: 'block' });
    await addThree('strict');
    await failWork(work.db, await work.begin('mail/a'), ERROR, { dead: true });
    await work.group('strict', { onDead: 'free' });
    expect(await work.states()).toEqual({ 'mail/a': 'dead', 'mail/b': 'ready', 'mail/c': 'waiting' });
  });
});

describe('a redriven unit', () => {
  test('waits for the one that runs, and goes before those that were published after it', async () => {
    await addThree();
    await failWork(work.db, await work.begin('mail/a'), ERROR, { dead: true });
    const second = await work.begin('mail/b');
    expect(await call('redrive_work', 'mail/a')).toBe(true);
    expect(await work.states()).toEqual({ 'mail/a': 'waiting', 'mail/b': 'started', 'mail/c': 'waiting' });
    await finishWork(work.db, second, {});
    expect(await work.states()).toEqual({ 'mail/a': 'ready', 'mail/b': 'done', 'mail/c': 'waiting' });
  });

  test('is redriven once by two who do it at the same time', async () => {
    await addThree();
    await failWork(work.db, await work.begin('mail/a'), ERROR, { dead: true });
    const before = Number((await work.row('mail/a')).epoch);
    const answers = await Promise.all(Array.from({ length: 8 }, () => call('redrive_work', 'mail/a')));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(Number((await work.row('mail/a')).epoch)).toBeGreaterThan(before);
  });
});

describe('a snapshot that supersedes a dead one', () => {
  test('locks the entries of both before their key, as everybody does', async () => {
    await work.log('l');
    await work.append('l', { pending: 'snapshot' }, { pending: 'snapshot' });
    await failWork(work.db, await work.begin('snapshot/l/0'), ERROR, { dead: true });
    const unit = await work.begin('snapshot/l/1');
    const other = await database.pool.connect();
    await other.query('begin');
    await other.query(`select from tidemark.entries where log_id = 'l' and sequence_id = 0 for update`);
    const finished = finishWork(work.db, unit, { snapshot: 'S' });
    await waitingForLock();
    await other.query(`select tidemark.lock_work_key('ledger', 'l')`);
    await other.query('commit');
    other.release();
    await finished;
    expect(await work.states()).toEqual({ 'snapshot/l/0': 'done', 'snapshot/l/1': 'done' });
  });

  test('never deadlocks with who discards it, completes it or clears its entry at the same time', async () => {
    await work.log('l');
    for (let round = 0; round < 15; round += 1) {
      const first = Number(await work.append('l', { pending: 'snapshot' }, { pending: 'snapshot' }));
      await failWork(work.db, await work.begin(`snapshot/l/${first}`), ERROR, { dead: true });
      const unit = await work.begin(`snapshot/l/${first + 1}`);
      await Promise.all([
        finishWork(inSchema(database.pool), unit, { snapshot: `S${round}` }),
        call('discard_work', `snapshot/l/${first}`),
        work.db.query(`select tidemark.complete_workflow('l', $1, 'snapshot', null, null)`, [first]),
        work.setPending('l', first, null),
      ]);
      expect(await stateOf(`snapshot/l/${first + 1}`)).toBe('done');
      expect((await work.entry('l', first)).pending).toBeNull();
    }
  });
});
