/** From a committed entry with `pending` to its unit, and from the unit's end back to the entry. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { failWork, finishWork } from '../../src/work/end.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

const ERROR = { code: 'broken', message: 'it is broken' };

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail');
});
afterAll(() => database.drop());
beforeEach(async () => {
  await work.clear();
  await work.log('l');
});

const answer = async (text: string, values: unknown[] = []) =>
  Object.values((await work.db.query(`select tidemark.${text}`, values)).rows[0])[0];
const stateOf = async (id: string) => (await work.row(id))?.state;
const restore = (ageMs = 0) => answer(`restore_pending_work($1::integer * interval '1 millisecond', 100)`, [ageMs]);
/** As if it had ended so long ago. */
const age = (id: string, seconds: number) =>
  work.db.query(`update tidemark.work set finished_at = finished_at - $2::integer * interval '1 second' where id = $1`, [id, seconds]);

describe('an entry with pending', () => {
  test('has its unit in the same transaction, and not before', async () => {
    await inTransaction(database.pool, async (client) => {
      await workRows(database, client).append('l', { pending: 'mail' });
      expect(await work.states()).toEqual({});
    });
    expect(await work.row('mail/l/0')).toMatchObject({
      state: 'ready',
      log_id: 'l',
      sequence_id: '0',
      group_name: 'ledger',
      ordering_key: 'l',
    });
  });

  test('that is rolled back has none', async () => {
    const rolledBack = inTransaction(database.pool, async (client) => {
      await workRows(database, client).append('l', { pending: 'mail' });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    expect(await work.states()).toEqual({});
  });

  test('gets its unit from any writer, in any language: the trigger adds it', async () => {
    await work.append('l', {}, {});
    await work.db.query(`update tidemark.entries set pending = 'mail' where sequence_id = 1`);
    await work.db.query(
      `insert into tidemark.entries (log_id, sequence_id, type, data, pending, actor) values ('l', 2, 'Noted', '{}', 'snapshot', 'ann')`,
    );
    expect(await work.states()).toEqual({ 'mail/l/1': 'ready', 'snapshot/l/2': 'waiting' });
    expect(await work.row('snapshot/l/2')).toMatchObject({ actor: 'ann' });
  });

  test('of an unknown workflow is refused, whoever writes it, and nothing is changed', async () => {
    await work.append('l', {});
    await expect(work.append('l', { pending: 'nobody' })).rejects.toThrow('unknown_workflow nobody');
    await expect(work.db.query(`update tidemark.entries set pending = 'nobody'`)).rejects.toMatchObject({ code: 'TM001' });
    expect(await work.setPending('l', 0, 'nobody')).toBe('unknown_workflow');
    const { rows } = await work.db.query('select next_sequence_id from tidemark.logs');
    expect(rows[0].next_sequence_id).toBe('1');
    expect(await work.states()).toEqual({});
  });

  test('that is cleared, or set to what it is, gets no further unit', async () => {
    await work.append('l', { pending: 'mail' });
    const { epoch } = await work.row('mail/l/0');
    await work.db.query(`update tidemark.entries set pending = 'mail'`);
    await work.db.query('update tidemark.entries set pending = null');
    expect(await work.row('mail/l/0')).toMatchObject({ state: 'ready', epoch });
    expect(await work.states()).toEqual({ 'mail/l/0': 'ready' });
  });

  test.each(['done', 'dead', 'cancelled'])(
    'set again after its unit is %s runs it again, in a new epoch and from the start',
    async (end) => {
      await work.append('l', { pending: 'mail' });
      const unit = await work.begin('mail/l/0');
      if (end === 'done') await finishWork(work.db, unit, { result: 1 });
      else await failWork(work.db, unit, ERROR, { dead: true });
      if (end === 'cancelled') await answer('discard_work($1)', ['mail/l/0']);
      expect(await stateOf('mail/l/0')).toBe(end);

      await work.setPending('l', 0, null);
      await work.setPending('l', 0, 'mail');
      const again = await work.row('mail/l/0');
      expect(again).toMatchObject({
        state: 'ready',
        attempt: 0,
        unended: 0,
        fence: null,
        result: null,
        error: null,
        finished_at: null,
        progress: null,
      });
      expect(Number(again.epoch)).toBeGreaterThan(unit.epoch);
      await expect(finishWork(work.db, unit, {})).rejects.toMatchObject({ code: 'fenced' });
      await finishWork(work.db, await work.begin('mail/l/0'), {});
      expect(await work.entry('l', 0)).toMatchObject({ pending: null });
    },
  );
});

describe('finishing', () => {
  test('clears the entry and sets its blobs with the end of the unit', async () => {
    await work.append('l', { pending: 'snapshot' });
    await finishWork(work.db, await work.begin('snapshot/l/0'), { snapshot: 'S', history: 'H' });
    expect(await work.entry('l', 0)).toEqual({ pending: null, snapshot: 'S', history: 'H' });
    expect(await stateOf('snapshot/l/0')).toBe('done');
  });

  test('leaves what another has asked of the entry meanwhile', async () => {
    await work.append('l', { pending: 'mail' });
    const unit = await work.begin('mail/l/0');
    await work.setPending('l', 0, 'snapshot');
    await finishWork(work.db, unit, { snapshot: 'mine' });
    expect(await work.entry('l', 0)).toEqual({ pending: 'snapshot', snapshot: null, history: null });
    expect(await work.states()).toEqual({ 'mail/l/0': 'done', 'snapshot/l/0': 'ready' });
  });

  test('of a unit whose entry was truncated away cancels it', async () => {
    await work.append('l', { pending: 'snapshot' }, {}, { pending: 'mail' });
    const unit = await work.begin('snapshot/l/0');
    await work.db.query(`select tidemark.truncate_log('l', 1)`);
    await finishWork(work.db, unit, { snapshot: 'S' });
    expect(await work.states()).toEqual({ 'snapshot/l/0': 'cancelled', 'mail/l/2': 'ready' });
  });

  test('rolls back with the transaction it is part of', async () => {
    await work.append('l', { pending: 'snapshot' });
    const unit = await work.begin('snapshot/l/0');
    const rolledBack = inTransaction(database.pool, async (client) => {
      await finishWork(workRows(database, client).db, unit, { snapshot: 'S' });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    expect(await work.entry('l', 0)).toMatchObject({ pending: 'snapshot', snapshot: null });
    await finishWork(work.db, unit, { snapshot: 'S' });
    expect(await stateOf('snapshot/l/0')).toBe('done');
  });
});

describe('a later snapshot', () => {
  beforeEach(async () => {
    await work.append(
      'l',
      { pending: 'snapshot' },
      { pending: 'snapshot' },
      { pending: 'mail' },
      { pending: 'snapshot' },
      { pending: 'snapshot' },
    );
    for (const id of ['snapshot/l/0', 'snapshot/l/1', 'mail/l/2']) await failWork(work.db, await work.begin(id), ERROR, { dead: true });
  });

  test('supersedes the dead ones before it: their entries are cleared, their units closed; other dead work stays', async () => {
    await finishWork(work.db, await work.begin('snapshot/l/3'), { snapshot: 'S' });
    expect(await work.states()).toEqual({
      'snapshot/l/0': 'done',
      'snapshot/l/1': 'done',
      'mail/l/2': 'dead',
      'snapshot/l/3': 'done',
      'snapshot/l/4': 'ready',
    });
    expect(await work.entry('l', 0)).toMatchObject({ pending: null, snapshot: null });
    expect(await work.entry('l', 1)).toMatchObject({ pending: null, snapshot: null });
    expect(await work.entry('l', 2)).toMatchObject({ pending: 'mail' });
    expect((await work.row('snapshot/l/0')).result).toEqual({ supersededBy: '3' });
  });

  test('supersedes them also where a host completes it', async () => {
    expect(await answer(`complete_workflow('l', 3, 'snapshot', 'S', null)`)).toBe('completed');
    expect(await work.states()).toMatchObject({
      'snapshot/l/0': 'done',
      'snapshot/l/1': 'done',
      'mail/l/2': 'dead',
      'snapshot/l/3': 'done',
    });
  });

  test('does not, where nobody wants it any more: then no snapshot stands for them', async () => {
    const unit = await work.begin('snapshot/l/3');
    await work.setPending('l', 3, null);
    await finishWork(work.db, unit, { snapshot: 'S' });
    expect(await work.states()).toMatchObject({ 'snapshot/l/0': 'dead', 'snapshot/l/1': 'dead', 'snapshot/l/3': 'done' });
    expect(await work.entry('l', 0)).toMatchObject({ pending: 'snapshot' });
  });

  test('does not, where it dies as well', async () => {
    await failWork(work.db, await work.begin('snapshot/l/3'), ERROR, { dead: true });
    expect(await work.states()).toMatchObject({ 'snapshot/l/0': 'dead', 'snapshot/l/1': 'dead', 'snapshot/l/3': 'dead' });
  });
});

describe('a host that completes an entry without a unit in hand', () => {
  test.each(['waiting', 'ready', 'claimed', 'started', 'dead'])(
    'closes a unit that is %s, and whoever runs it is fenced off',
    async (state) => {
      await work.append('l', { pending: 'mail' }, { pending: 'snapshot' });
      if (state !== 'waiting') {
        const first = await work.begin('mail/l/0');
        await finishWork(work.db, first, {});
      }
      if (state === 'claimed') await work.claim();
      const unit = state === 'started' || state === 'dead' ? await work.begin('snapshot/l/1') : undefined;
      if (state === 'dead' && unit) await failWork(work.db, unit, ERROR, { dead: true });
      expect(await stateOf('snapshot/l/1')).toBe(state);

      expect(await answer(`complete_workflow('l', 1, 'snapshot', 'S', null)`)).toBe('completed');
      expect(await work.row('snapshot/l/1')).toMatchObject({
        state: 'done',
        lease_until: null,
        check_after: null,
        fence: null,
        burst_id: null,
      });
      expect(await work.entry('l', 1)).toMatchObject({ pending: null, snapshot: 'S' });
      if (unit) await expect(finishWork(work.db, unit, { snapshot: 'mine' })).rejects.toMatchObject({ code: 'fenced' });
      expect(await work.entry('l', 1)).toMatchObject({ snapshot: 'S' });
      expect(await answer(`complete_workflow('l', 1, 'snapshot', 'again', null)`)).toBe('already-done');
    },
  );
});

describe('a person', () => {
  test('redrives a dead unit: it runs again in a new epoch, from the progress it made', async () => {
    await work.append('l', { pending: 'mail' });
    const unit = await work.begin('mail/l/0');
    await work.db.query(`select tidemark.record_progress($1, $2, $3, $4, '{"at":7}')`, [unit.id, unit.epoch, unit.attempt, unit.fence]);
    await failWork(work.db, unit, ERROR, { dead: true });
    expect(await answer('redrive_work($1)', ['mail/l/0'])).toBe(true);
    expect(await work.row('mail/l/0')).toMatchObject({ state: 'ready', attempt: 0, unended: 0, progress: { at: 7 }, finished_at: null });
    expect(Number((await work.row('mail/l/0')).epoch)).toBeGreaterThan(unit.epoch);
    const execution = (await work.claim()).executions[0]?.execution;
    expect(execution).toMatch(new RegExp(`/mail/l/0/r${(await work.row('mail/l/0')).epoch}$`));
  });

  test('discards one: cancelled, and its entry no longer pending', async () => {
    await work.append('l', { pending: 'mail' }, { pending: 'mail' });
    await failWork(work.db, await work.begin('mail/l/0'), ERROR, { dead: true });
    expect(await answer('discard_work($1)', ['mail/l/0'])).toBe(true);
    expect(await work.states()).toEqual({ 'mail/l/0': 'cancelled', 'mail/l/1': 'ready' });
    expect(await work.entry('l', 0)).toMatchObject({ pending: null });
    await age('mail/l/0', 3_600);
    expect(await restore()).toBe('0');
  });

  test('can do neither with a unit that is not dead', async () => {
    await work.append('l', { pending: 'mail' });
    for (const change of ['redrive_work', 'discard_work']) expect(await answer(`${change}($1)`, ['mail/l/0'])).toBe(false);
    expect(await stateOf('mail/l/0')).toBe('ready');
  });
});

describe('the sweep gives a unit to an entry that is pending', () => {
  const forget = (id: string) => database.ownerPool.query('delete from tidemark.work where id = $1', [id]);

  test('and has none, once it is old enough', async () => {
    await work.append('l', { pending: 'mail' });
    await forget('mail/l/0');
    expect(await restore(60_000)).toBe('0');
    expect(await restore()).toBe('1');
    expect(await stateOf('mail/l/0')).toBe('ready');
  });

  test('and has one that ended without clearing it, once that is old enough', async () => {
    await work.append('l', { pending: 'mail' });
    const unit = await work.begin('mail/l/0');
    await work.setPending('l', 0, null);
    await finishWork(work.db, unit, {});
    await database.ownerPool.query('alter table tidemark.entries disable trigger entry_pending_set');
    await work.setPending('l', 0, 'mail');
    await database.ownerPool.query('alter table tidemark.entries enable trigger entry_pending_set');
    expect(await restore(60_000)).toBe('0');
    await age('mail/l/0', 61);
    expect(await restore(60_000)).toBe('1');
    expect(Number((await work.row('mail/l/0')).epoch)).toBeGreaterThan(unit.epoch);
  });

  test('never to one whose unit is dead or alive', async () => {
    await work.append('l', { pending: 'mail' }, { pending: 'mail' }, { pending: 'mail' });
    await failWork(work.db, await work.begin('mail/l/0'), ERROR, { dead: true });
    await age('mail/l/0', 3_600);
    expect(await restore()).toBe('0');
    expect(await work.states()).toEqual({ 'mail/l/0': 'dead', 'mail/l/1': 'ready', 'mail/l/2': 'waiting' });
  });
});

test('an epoch never comes back, not even with a unit that was pruned and made again', async () => {
  await work.append('l', { pending: 'mail' });
  const unit = await work.begin('mail/l/0');
  await finishWork(work.db, unit, {});
  await work.group('ledger', { keepFinished: 0 });
  expect(await answer('prune_work(100)')).toBe('1');
  expect(await work.states()).toEqual({});
  await work.setPending('l', 0, 'mail');
  expect(Number((await work.row('mail/l/0')).epoch)).toBeGreaterThan(unit.epoch);
  await expect(finishWork(work.db, unit, {})).rejects.toMatchObject({ code: 'fenced' });
});
