/** What a reader of changes promises when something dies, when another one comes, and when the database is not as it should be. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planChanges } from '../../src/changes/plan-changes.ts';
import { storeChanges } from '../../src/changes/store-changes.ts';
import { applySubscriptions, onChange } from '../../src/index.ts';
import { parseLsn } from '../../src/postgres/lsn.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { type ChangeFixture, createChangeFixture } from '../support/change-reader.ts';
import { until } from '../support/until.ts';

const TABLES = `
  create table public.item (id integer primary key, note text);
  create table public.seed (id integer primary key, note text);
  create table public.keyless (id integer);
  create table public.lean (id integer primary key, a text, b text);
  create unlogged table public.scratch (id integer primary key);
  insert into public.seed select n, 'before' from generate_series(1, 2500) n;
`;
const TOPIC = 'changes.public.item';
const changes = [onChange('item', {}, () => {})];

let fixture: ChangeFixture;
beforeAll(async () => {
  fixture = await createChangeFixture(TABLES);
  await fixture.apply(changes);
});
afterAll(async () => fixture?.close());

const sql = (text: string, values?: unknown[]) => fixture.database.ownerPool.query(text, values);
const ids = async (topic = TOPIC) => (await fixture.stored(topic)).map(({ key }) => Number(key.id));
let next = 0;
/** In transactions of their own. */
async function insert(count: number): Promise<number[]> {
  const inserted = Array.from({ length: count }, () => ++next);
  for (const id of inserted) await sql('insert into item values ($1)', [id]);
  return inserted;
}
const inserted = () => Array.from({ length: next }, (_, index) => index + 1);
const untilAll = () => fixture.untilStored(TOPIC, next);

describe('a reader', () => {
  test('that dies between storing and acknowledging has lost nothing, and what it reads again is stored once', async () => {
    const first = fixture.reader(changes);
    await first.untilReading();
    await first.stop();
    for (let death = 0; death < 5; death += 1) {
      const dying = fixture.reader(changes, {
        afterStore: () => {
          throw Object.assign(new TypeError('killed here'), { code: 'XXKIL' });
        },
      });
      // From the second on it may die of what the one before it has stored and not acknowledged.
      const ended = expect(dying.ended).rejects.toThrow('killed here');
      await insert(2);
      await ended;
    }
    const reader = fixture.reader(changes);
    await insert(1);
    await untilAll();
    expect(await ids()).toEqual(inserted());
    await reader.stop();
  });

  test('waits while another has the slot, and takes over within a second when that is gone', async () => {
    const first = fixture.reader(changes);
    await first.untilReading();
    const second = fixture.reader(changes);
    await until('it waits', () => second.lines.some((line) => line.includes('waiting to take over')));
    await insert(3);
    await untilAll();
    expect(second.isReading).toBe(false);
    const startedAt = performance.now();
    await first.stop();
    await second.untilReading();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await insert(3);
    await untilAll();
    expect(await ids()).toEqual(inserted());
    await second.stop();
  });

  test('that was taken for dead stores nothing when it wakes', async () => {
    const { rows } = await sql('select checkpoint::text from tidemark.change_slot');
    const old = parseLsn(rows[0].checkpoint);
    const reader = fixture.reader(changes);
    await reader.untilReading();
    await insert(1);
    await untilAll();
    await reader.stop();
    const page = {
      changes: [{ topic: TOPIC, data: '{}', orderingKey: null, subscriptions: ['item-changes'] }],
      end: { lsn: old + 1_000n, committedAt: new Date() },
    };
    await expect(storeChanges(inSchema(fixture.pool), fixture.slot, old, page)).rejects.toThrow('Another attempt has taken over');
    expect(await ids()).toEqual(inserted());
  });

  test('goes on when its connections are cut in the middle of a large transaction', async () => {
    const reader = fixture.reader(changes, { pageChanges: 200 });
    await reader.untilReading();
    const from = next + 1;
    next += 5_000;
    await sql('insert into item select n from generate_series($1::integer, $2::integer) n', [from, next]);
    for (let cut = 0; cut < 3; cut += 1) {
      await sql(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name in ('tidemark cdc', 'test cdc')`,
      );
      await delay(30);
    }
    await untilAll();
    expect(await ids()).toEqual(inserted());
    await reader.stop();
  });
});

describe('a lost slot', () => {
  test('ends the reader with the range that may be missing; recovered, the range is written down and reading goes on', async () => {
    const { rows } = await sql('select checkpoint::text from tidemark.change_slot');
    await sql('select pg_drop_replication_slot($1)', [fixture.slot]);
    await insert(2);
    const missed = next;
    const ended = fixture.reader(changes).ended;
    await expect(ended).rejects.toMatchObject({
      code: 'slot_lost',
      message: expect.stringContaining(`committed after ${rows[0].checkpoint}`),
    });
    const reader = fixture.reader(changes, { recover: true });
    await reader.untilReading();
    expect(reader.lines).toContainEqual(expect.stringMatching(/^error: changes of tidemark_\w+ committed between .* may be missing/));
    const gaps = await sql('select slot, from_lsn::text as from, to_lsn > from_lsn as forward, reason from tidemark.change_gap');
    expect(gaps.rows).toEqual([{ slot: fixture.slot, from: rows[0].checkpoint, forward: true, reason: 'it is not there any more' }]);
    await insert(1);
    await until('the next one is stored', async () => (await ids()).includes(missed + 1));
    await reader.stop();
  });

  test('that somebody has made anew is seen too', async () => {
    await until(
      'the slot is free',
      async () => !(await sql('select active from pg_replication_slots where slot_name = $1', [fixture.slot])).rows[0].active,
    );
    await sql('select pg_drop_replication_slot($1)', [fixture.slot]);
    await insert(1);
    await sql(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [fixture.slot]);
    const reader = fixture.reader(changes);
    await reader.untilReading();
    const { rows } = await sql('select reason from tidemark.change_gap order by id desc limit 1');
    expect(rows).toEqual([{ reason: 'it was moved or made anew by somebody else' }]);
    await reader.stop();
  });
});

test('rows that are there come first, as r: with what is written meanwhile no gap and no overlap', async () => {
  const seeded = [...changes, onChange('seed', { snapshot: true }, () => {})];
  await fixture.apply(seeded);
  let id = 2_500;
  let over = false;
  const writing = (async () => {
    while (!over) {
      id += 1;
      await sql(`insert into seed values ($1, 'meanwhile')`, [id]);
    }
  })();
  const reader = fixture.reader(seeded);
  await reader.untilReading();
  await delay(50);
  over = true;
  await writing;
  const stored = await fixture.untilStored('changes.public.seed', id);
  expect(stored.map(({ key }) => key.id).sort((a, b) => a - b)).toEqual(Array.from({ length: id }, (_, index) => index + 1));
  expect(stored.filter(({ op }) => op === 'r').length).toBeGreaterThanOrEqual(2_500);
  expect(stored.at(-1)?.op).toBe('c');
  await reader.stop();
  const again = fixture.reader(seeded);
  await again.untilReading();
  expect(await ids('changes.public.seed')).toHaveLength(id);
  await again.stop();
});

describe('what has to be', () => {
  test('is said in full where it is not, with the statements that make it so', async () => {
    const wanted = [...changes, onChange('lean', { columns: ['a'], before: 'key', subscription: 'lean' }, () => {})];
    await expect(fixture.reader(wanted).ended).rejects.toThrow(
      /'tidemark cdc apply'.* alter publication "tidemark_\w+" set table .*"public"\."lean" \("a", "id"\).* does not know lean yet: run 'tidemark subscriptions apply'/,
    );
    await fixture.apply(wanted);
    const plan = await planChanges(inSchema(fixture.pool), wanted);
    expect(plan).toMatchObject({ problems: [], statements: [], missingSubscriptions: [] });
    const { rows } = await sql('select attnames from pg_publication_tables where pubname = $1 and tablename = $2', [fixture.slot, 'lean']);
    expect(rows[0].attnames).toContain('id');
  });

  test.each([
    ['nowhere', {}, 'There is no table "public"."nowhere"'],
    ['keyless', {}, 'Table "public"."keyless" has no primary key: published, its updates and deletes would fail'],
    ['scratch', {}, 'is unlogged'],
    ['item', { columns: ['x'] }, `Table "public"."item" has no column 'x' (it has id, note)`],
  ])('of table %s %o is refused by name', async (table, options, message) => {
    const { problems } = await planChanges(inSchema(fixture.pool), [onChange(table, options, () => {})]);
    expect(problems).toEqual([expect.stringContaining(message)]);
  });

  test('of a table without a key is the whole row', async () => {
    const { problems, statements } = await planChanges(inSchema(fixture.pool), [onChange('keyless', { before: 'row' }, () => {})]);
    expect({ problems, statement: statements[0] }).toEqual({
      problems: [],
      statement: 'alter table "public"."keyless" replica identity full;',
    });
  });

  test('a role that may not read the log is told so', async () => {
    await applySubscriptions(inSchema(fixture.database.ownerPool), changes);
    await fixture.apply(changes);
    const reader = fixture.reader(changes, { connectionString: fixture.database.appUrl });
    await expect(reader.ended).rejects.toThrow('This role may not read the write-ahead log');
  });
});
