import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  BlobNotFoundError,
  CorruptBlobError,
  FencedError,
  HistoryGoneError,
  InvalidInputError,
  LogNotFoundError,
  SequenceRangeError,
  SetupError,
} from '../../src/errors.ts';
import { unitError } from '../../src/work/classify-error.ts';
import { groupDeadWork } from '../../src/work/group-dead.ts';
import { listWork } from '../../src/work/list.ts';
import { countDead, discardWork, redriveWork } from '../../src/work/redrive.ts';
import { parseShownState, type WorkSelection } from '../../src/work/select.ts';
import { workStats } from '../../src/work/stats.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query(`insert into tidemark.work_group (name) values ('sheet'), ('account'), ('empty')`);
});
afterAll(() => database.drop());
beforeEach(() =>
  database.ownerPool.query('delete from tidemark.work; delete from tidemark.logs; update tidemark.work_group set paused = false'),
);

interface UnitToAdd {
  id: string;
  state: string;
  group?: string;
  error?: { code: string; message: string };
  ageSeconds?: number;
  endedSeconds?: number;
  notBeforeSeconds?: number;
  key?: string;
}

/** Rows as they stand at some moment, whatever has led to it. */
async function addUnit({
  id,
  state,
  group = 'sheet',
  error,
  ageSeconds = 0,
  endedSeconds,
  notBeforeSeconds,
  key,
}: UnitToAdd): Promise<void> {
  await database.ownerPool.query(
    `insert into tidemark.work (id, workflow, state, group_name, error, epoch, first_epoch, created_at, finished_at, not_before, ordering_key, position)
     values ($1, 'snapshot', $2, $3, $4, nextval('tidemark.work_epoch'), 1, now() - $5 * interval '1 second',
       now() - $6::integer * interval '1 second', now() - coalesce($7::integer, $5) * interval '1 second', $8::text, case when $8::text is not null then 1 end)`,
    [id, state, group, error ? JSON.stringify(error) : null, ageSeconds, endedSeconds ?? null, notBeforeSeconds ?? null, key ?? null],
  );
}

async function listed(selection: WorkSelection): Promise<string[]> {
  return (await listWork(database.db, selection)).units.map(({ id }) => id).sort();
}

async function addOneOfEachState(): Promise<void> {
  const states = ['waiting', 'ready', 'claimed', 'started', 'done', 'dead', 'cancelled', 'expired'];
  for (const state of states) await addUnit({ id: `unit/${state}`, state, ...(state === 'waiting' ? { key: 'k' } : {}) });
}

describe('a list of units', () => {
  test.each([
    ['waiting', ['unit/ready', 'unit/waiting']],
    ['running', ['unit/claimed', 'unit/started']],
    ['done', ['unit/done']],
    ['dead', ['unit/dead']],
    ['cancelled', ['unit/cancelled']],
    ['expired', ['unit/expired']],
  ])('in state %s holds what a person reads as that', async (state, ids) => {
    await addOneOfEachState();
    const { units } = await listWork(database.db, { state: parseShownState(state) });
    expect(units.map(({ id }) => id).sort()).toEqual(ids);
    expect(new Set(units.map((unit) => unit.state))).toEqual(new Set([state]));
  });

  test('can be narrowed by group, error, age and ids, together', async () => {
    const corrupt = { code: 'corrupt_blob', message: "Blob 'x' cannot be used" };
    await addUnit({ id: 'a', state: 'dead', error: corrupt, ageSeconds: 9_000, endedSeconds: 7_200 });
    await addUnit({ id: 'b', state: 'dead', error: corrupt, group: 'account', ageSeconds: 9_000, endedSeconds: 60 });
    await addUnit({ id: 'c', state: 'dead', error: { code: 'handler_failed', message: '100% wrong_' }, endedSeconds: 7_200 });
    await addUnit({ id: 'd', state: 'ready', ageSeconds: 7_200 });
    expect(await listed({ group: 'account' })).toEqual(['b']);
    expect(await listed({ error: 'CORRUPT' })).toEqual(['a', 'b']);
    expect(await listed({ error: '0% wrong_' })).toEqual(['c']);
    expect(await listed({ error: '%' })).toEqual(['c']);
    expect(await listed({ olderThanMs: 3_600_000 })).toEqual(['a', 'c', 'd']);
    expect(await listed({ ids: ['a', 'd', 'unknown'] })).toEqual(['a', 'd']);
    expect(await listed({ state: 'dead', group: 'sheet', error: 'blob', olderThanMs: 3_600_000 })).toEqual(['a']);
    expect(await listed({ ids: [] })).toEqual([]);
  });

  test('comes in pages, newest first, without a gap or a double, also where many have the same age', async () => {
    await database.ownerPool.query(
      `insert into tidemark.work (id, workflow, state, group_name, epoch, first_epoch, created_at)
       select 'page/' || n, 'snapshot', 'ready', 'sheet', n, n, timestamptz '2026-01-01' + (n / 10) * interval '1 microsecond' from generate_series(1, 95) n`,
    );
    const seen: string[] = [];
    let pages = 0;
    for (let after: string | undefined, more = true; more; pages += 1) {
      const page = await listWork(database.db, {}, { limit: 10, ...(after ? { after } : {}) });
      seen.push(...page.units.map(({ id }) => id));
      after = page.next;
      more = after !== undefined;
    }
    expect(pages).toBe(10);
    expect(new Set(seen).size).toBe(95);
    expect(seen).toHaveLength(95);
    const decade = (id: string) => Math.floor(Number(id.slice('page/'.length)) / 10);
    expect(seen.map(decade)).toEqual(seen.map(decade).toSorted((a, b) => b - a));
  });

  test('ends exactly at the last unit', async () => {
    await addUnit({ id: 'a', state: 'ready' });
    await addUnit({ id: 'b', state: 'ready' });
    expect((await listWork(database.db, {}, { limit: 2 })).next).toBeUndefined();
    expect((await listWork(database.db, {}, { limit: 1 })).next).toBeDefined();
  });

  test('refuses a limit, a place and a state that are none', async () => {
    await expect(listWork(database.db, {}, { limit: 0 })).rejects.toThrow(InvalidInputError);
    await expect(listWork(database.db, {}, { limit: 1_001 })).rejects.toThrow('from 1 to 1000');
    await expect(listWork(database.db, {}, { after: 'nonsense' })).rejects.toThrow(InvalidInputError);
    await expect(listWork(database.db, {}, { after: Buffer.from('["x","y"]').toString('base64url') })).rejects.toThrow(InvalidInputError);
    expect(() => parseShownState('finished')).toThrow('waiting, running, done, dead, cancelled, expired');
    expect(() => parseShownState('toString')).toThrow(InvalidInputError);
  });
});

describe('stats', () => {
  test('count each group by state and say how old its oldest waiting unit is', async () => {
    await addOneOfEachState();
    await addUnit({ id: 'old', state: 'ready', ageSeconds: 3_600 });
    await addUnit({ id: 'later', state: 'ready', ageSeconds: 9_999, notBeforeSeconds: -600 });
    await addUnit({ id: 'redriven', state: 'ready', group: 'account', ageSeconds: 86_400, notBeforeSeconds: 5 });
    const { groups, sweep } = await workStats(database.db);
    const sheet = groups.find(({ group }) => group === 'sheet');
    expect(sheet).toMatchObject({
      depth: { waiting: 4, running: 2, done: 1, dead: 1, cancelled: 1, expired: 1 },
      scheduled: 1,
      paused: false,
    });
    expect(sheet?.oldestWaitingMs).toBeGreaterThanOrEqual(3_600_000);
    expect(sheet?.oldestWaitingMs).toBeLessThan(3_660_000);
    const account = groups.find(({ group }) => group === 'account');
    expect(account?.oldestWaitingMs).toBeGreaterThanOrEqual(5_000);
    expect(account?.oldestWaitingMs).toBeLessThan(65_000);
    expect(groups.find(({ group }) => group === 'empty')).toEqual({
      group: 'empty',
      depth: { waiting: 0, running: 0, done: 0, dead: 0, cancelled: 0, expired: 0 },
      scheduled: 0,
      paused: false,
    });
    expect(sweep).toMatchObject({ expired_lease: 0, gone_execution: 0, pending_without_unit: 0 });
  });

  test('can be of one group, and say that it is paused', async () => {
    await database.ownerPool.query(`update tidemark.work_group set paused = true where name = 'account'`);
    const { groups } = await workStats(database.db, { group: 'account' });
    expect(groups.map(({ group, paused }) => ({ group, paused }))).toEqual([{ group: 'account', paused: true }]);
  });
});

describe('dead units', () => {
  const broken = { code: 'corrupt_blob', message: 'broken' };

  test('are counted by group and error, largest first, before anything is done to them', async () => {
    await addUnit({ id: 'a', state: 'dead', error: { code: 'corrupt_blob', message: 'older' }, endedSeconds: 100 });
    await addUnit({ id: 'b', state: 'dead', error: { code: 'corrupt_blob', message: 'newer' }, endedSeconds: 10 });
    await addUnit({ id: 'c', state: 'dead', group: 'account', error: { code: 'fold_failed', message: 'fold' }, endedSeconds: 10 });
    await addUnit({ id: 'd', state: 'ready' });
    expect(await countDead(database.db, {})).toEqual([
      { group: 'sheet', code: 'corrupt_blob', units: 2, message: 'newer' },
      { group: 'account', code: 'fold_failed', units: 1, message: 'fold' },
    ]);
    expect(await listed({ state: 'dead' })).toEqual(['a', 'b', 'c']);
  });

  test('run again in a new epoch when redriven; only those that were meant', async () => {
    for (const id of ['a', 'b']) await addUnit({ id, state: 'dead', error: broken, endedSeconds: 10 });
    await addUnit({ id: 'c', state: 'dead', group: 'account', error: broken, endedSeconds: 10 });
    const before = await database.ownerPool.query(`select max(epoch) as epoch from tidemark.work`);
    expect(await redriveWork(database.db, { group: 'sheet' })).toBe(2);
    const { rows } = await database.ownerPool.query(`select id, state, epoch > $1 as newer from tidemark.work order by id`, [
      before.rows[0].epoch,
    ]);
    expect(rows).toEqual([
      { id: 'a', state: 'ready', newer: true },
      { id: 'b', state: 'ready', newer: true },
      { id: 'c', state: 'dead', newer: false },
    ]);
  });

  test('beyond one page are all taken', async () => {
    await database.ownerPool.query(
      `insert into tidemark.work (id, workflow, state, group_name, epoch, first_epoch, finished_at)
       select 'many/' || n, 'snapshot', 'dead', 'sheet', nextval('tidemark.work_epoch'), 1, now() from generate_series(1, 1203) n`,
    );
    expect(await redriveWork(database.db, {})).toBe(1_203);
    expect(await countDead(database.db, {})).toEqual([]);
  });

  test('are cancelled when discarded, and their entry is pending no more; the next of the key goes on', async () => {
    const { ownerPool, db } = database;
    await ownerPool.query(`insert into tidemark.logs (id, type) values ('l', 'sheet')`);
    await ownerPool.query(`select * from tidemark.append_entries('l', null, '{A,A}', '{"{}","{}"}', null, null, '{snapshot,snapshot}')`);
    await ownerPool.query(`update tidemark.work set state = 'claimed' where id = 'snapshot/l/0'`);
    await ownerPool.query(`update tidemark.work set state = 'dead', finished_at = now() where id = 'snapshot/l/0'`);
    expect(await discardWork(db, { ids: ['snapshot/l/0', 'snapshot/l/1'] })).toBe(1);
    const units = await ownerPool.query(`select id, state from tidemark.work order by id`);
    expect(units.rows).toEqual([
      { id: 'snapshot/l/0', state: 'cancelled' },
      { id: 'snapshot/l/1', state: 'ready' },
    ]);
    const entries = await ownerPool.query(`select pending from tidemark.entries order by sequence_id`);
    expect(entries.rows).toEqual([{ pending: null }, { pending: 'snapshot' }]);
  });

  test('only are redriven and discarded: a unit in another state stays as it is', async () => {
    await addOneOfEachState();
    expect(await redriveWork(database.db, { ids: ['unit/done', 'unit/started', 'unknown'] })).toBe(0);
    expect(await discardWork(database.db, { ids: ['unit/ready'] })).toBe(0);
  });
});

describe("an error's fingerprint", () => {
  const fingerprint = async (error: unknown): Promise<string> => {
    const { rows } = await database.pool.query('select tidemark.error_fingerprint($1::json) as fingerprint', [
      JSON.stringify(error instanceof Error ? unitError(error) : error),
    ]);
    return rows[0].fingerprint;
  };
  const failed = (message: string) => ({ code: 'handler_failed', message });

  test.each([
    ['blobs', new BlobNotFoundError('flights/snapshot-12-3fa.gz'), new BlobNotFoundError('hotels/history-7-a0c.gz')],
    ['blobs and their hashes', new CorruptBlobError('a', 'its hash is 3fa85f64'), new CorruptBlobError('b', 'its hash is 0c9d2e11')],
    ['units', new FencedError('snapshot/flights/299'), new FencedError('snapshot/hotels/1')],
    ['sequence ids', new HistoryGoneError(12n), new HistoryGoneError(987_654n)],
    ['ranges', new SequenceRangeError(5n, 10n, 20n), new SequenceRangeError(7n, 100n, 2_000n)],
    ['logs', new LogNotFoundError('flights'), new LogNotFoundError('hotels')],
    [
      'causes',
      new SetupError('The bucket refused.', { cause: new Error('403 at https://a.example/x') }),
      new SetupError('The bucket refused.', { cause: new Error('401 at https://b.example/y/z') }),
    ],
    ['UUIDs', failed('Order 3fa85f64-5717-4562-b3fc-2c963f66afa6 is gone'), failed('Order 0b1c2d3e-0000-4000-8000-123456789abc is gone')],
    ['numbers', failed('Payment of 12.50 EUR was refused (attempt 3).'), failed('Payment of 1,300 EUR was refused (attempt 1).')],
    ['lists', failed('Missing: 1, 2, 3'), failed('Missing: 17')],
    ['paths', failed('ENOENT: no such file, open /var/lib/a/b'), failed('ENOENT: no such file, open /srv/c')],
    ['mail addresses', failed('Mail to anna@example.com bounced'), failed('Mail to otto@example.org bounced')],
    ['quoted text', failed(`column "total" does not exist`), failed(`column "id" does not exist`)],
    ['times', failed('Timed out at 2026-11-21T16:25:18.123Z'), failed('Timed out at 2026-01-02T00:00:00.000Z')],
  ])('is the same whatever %s they name', async (_, one, other) => {
    expect(await fingerprint(one)).toBe(await fingerprint(other));
  });

  test('differs by code, and by what they say', async () => {
    const all = [
      failed('The server refused it.'),
      failed('The server does not answer.'),
      failed("It doesn't fit, and that isn't new"),
      failed("It doesn't fit, and that isn't old"),
      { code: 'setup', message: 'The server refused it.' },
      { message: 'The server refused it.' },
      { code: 'handler_failed' },
    ];
    expect(new Set(await Promise.all(all.map(fingerprint))).size).toBe(all.length);
  });

  test('is there however a unit became dead, gone when it runs again, and changes when an erasure takes what the error says', async () => {
    await addUnit({ id: 'inserted', state: 'dead', error: { code: 'x', message: 'Value 1' }, endedSeconds: 3 });
    await addUnit({ id: 'refused', state: 'claimed', endedSeconds: 2 });
    await database.ownerPool.query(`update tidemark.work set claim_token = gen_random_uuid(), execution = 'e' where id = 'refused'`);
    await database.db.query(
      `select tidemark.refuse_claimed_work('e', (select claim_token from tidemark.work where id = 'refused'), '{"code":"x","message":"Value 2"}')`,
    );
    await addUnit({ id: 'kills', state: 'started', endedSeconds: 1 });
    await database.db.query(`select tidemark.end_unended_work('kills', epoch, 0) from tidemark.work where id = 'kills'`);
    expect(await groupDeadWork(database.db)).toMatchObject([
      { code: 'x', units: 2, message: 'Value 2' },
      { code: 'worker_died', units: 1 },
    ]);
    await redriveWork(database.db, { ids: ['refused'] });
    await database.db.query(`update tidemark.work set error = '{"code":"x","message":"What it said was erased."}' where id = 'inserted'`);
    const { rows } = await database.ownerPool.query(
      `select id, error_fingerprint = tidemark.error_fingerprint(error) as own from tidemark.work order by id`,
    );
    expect(rows).toEqual([
      { id: 'inserted', own: true },
      { id: 'kills', own: true },
      { id: 'refused', own: null },
    ]);
  });
});
