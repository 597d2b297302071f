/** The state machine: what SQL lets happen to a unit, whoever writes. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

const STATES = ['waiting', 'ready', 'claimed', 'started', 'done', 'dead', 'cancelled', 'expired'] as const;
const ENDED = new Set<string>(['done', 'dead', 'cancelled', 'expired']);

/** The pictures of design.md, and what ends a unit from outside: completed by a host, refused by Temporal, cancelled, expired. */
const LEGAL = new Set([
  ...['waiting > ready', 'ready > claimed', 'claimed > started', 'started > done', 'started > dead', 'started > cancelled'],
  ...['claimed > ready', 'started > ready', 'ready > started'],
  ...['dead > ready', 'done > ready', 'cancelled > ready', 'expired > ready'],
  ...['dead > waiting', 'done > waiting', 'cancelled > waiting', 'expired > waiting'],
  ...['waiting > done', 'ready > done', 'claimed > done', 'dead > done'],
  ...['ready > dead', 'claimed > dead'],
  ...['waiting > cancelled', 'ready > cancelled', 'claimed > cancelled', 'dead > cancelled'],
  ...['waiting > expired', 'ready > expired', 'claimed > expired', 'started > expired'],
]);

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail');
});
afterAll(() => database.drop());
beforeEach(() => work.clear());

async function unitIn(state: string): Promise<void> {
  await work.group('g');
  await work.db.query(
    `insert into tidemark.work (id, workflow, state, group_name, ordering_key, position, epoch, first_epoch)
     values ('mail/1', 'mail', $1, 'g', 'k', 1, nextval('tidemark.work_epoch'), 1)`,
    [state],
  );
}

describe('a unit', () => {
  const pairs = STATES.flatMap((before) => STATES.filter((after) => after !== before).map((after) => [before, after] as const));

  test.each(pairs.filter(([before, after]) => LEGAL.has(`${before} > ${after}`)))('may go from %s to %s', async (before, after) => {
    await unitIn(before);
    const epoch = ENDED.has(before) && !ENDED.has(after) ? "nextval('tidemark.work_epoch')" : 'epoch';
    await work.db.query(`update tidemark.work set state = $1, epoch = ${epoch}`, [after]);
    expect((await work.row('mail/1')).state).toBe(after);
  });

  test.each(pairs.filter(([before, after]) => !LEGAL.has(`${before} > ${after}`)))('may not go from %s to %s', async (before, after) => {
    await unitIn(before);
    const change = work.db.query(`update tidemark.work set state = $1, epoch = nextval('tidemark.work_epoch')`, [after]);
    await expect(change).rejects.toMatchObject({ code: 'TM002', message: expect.stringContaining(`from ${before} to ${after}`) });
    expect((await work.row('mail/1')).state).toBe(before);
  });

  test.each(['done', 'dead', 'cancelled', 'expired'])('comes back from %s in a new epoch only', async (before) => {
    await unitIn(before);
    await expect(work.db.query(`update tidemark.work set state = 'ready'`)).rejects.toMatchObject({ code: 'TM002' });
    await expect(work.db.query(`update tidemark.work set state = 'waiting', epoch = epoch - 1`)).rejects.toMatchObject({ code: 'TM002' });
  });

  test('has one of the eight states', async () => {
    await expect(unitIn('paused')).rejects.toMatchObject({ code: '23514' });
  });

  test('cannot be given a state that it may not have by changing the state machine as the application', async () => {
    await expect(work.db.query(`insert into tidemark.work_transition values ('done', 'started', 'why not')`)).rejects.toMatchObject({
      code: '42501',
    });
    await expect(work.db.query('alter table tidemark.work disable trigger all')).rejects.toMatchObject({ code: '42501' });
  });

  test('has an id of at most 500 bytes', async () => {
    await expect(work.add({ id: `mail/${'x'.repeat(496)}` })).rejects.toMatchObject({ code: '23514' });
    expect(await work.add({ id: `mail/${'x'.repeat(495)}` })).toBe('added');
  });

  test('keeps a result of at most 256 KB', async () => {
    await work.add({ id: 'mail/1' });
    await work.db.query(`update tidemark.work set result = to_json(repeat('x', 262142))`);
    await expect(work.db.query(`update tidemark.work set result = to_json(repeat('x', 262143))`)).rejects.toMatchObject({ code: '23514' });
  });

  test('of a workflow that no worker has named is refused, with what to do', async () => {
    await expect(work.add({ id: 'nobody/1' })).rejects.toMatchObject({ code: 'TM001', message: expect.stringContaining("'nobody'") });
  });
});
