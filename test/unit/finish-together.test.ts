/** Ends that come together are one statement; one that comes by itself waits for little, and the last ones for nothing. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FencedError } from '../../src/errors.ts';
import type { Database } from '../../src/postgres/queryable.ts';
import { finishTogether } from '../../src/work/finish-together.ts';
import type { Unit } from '../../src/work/unit.ts';

/** The ids of each statement. */
let statements: string[][];
let fenced: string[];
let deadlocked: string | undefined;
const db = {
  schema: 'tidemark',
  prepared: async (_: string, [, ids]: [string[], string[]]) => {
    statements.push(ids);
    if (ids.includes(deadlocked ?? '')) throw Object.assign(new Error('deadlock detected'), { code: '40P01' });
    return { rows: ids.filter((id) => fenced.includes(id)).map((id) => ({ id })) };
  },
} as unknown as Database;
const unit = (id: string) => ({ id }) as Unit;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

beforeEach(() => {
  statements = [];
  fenced = [];
  deadlocked = undefined;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => vi.useRealTimers());

test('those of one turn are one statement, and each has an answer of its own', async () => {
  fenced = ['b'];
  const ends = finishTogether(db, 8);
  const answers = await Promise.allSettled(['a', 'b', 'c'].map((id) => ends.record(unit(id))));
  expect(statements).toEqual([['a', 'b', 'c']]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(answers[1]).toMatchObject({ reason: expect.any(FencedError) });
});

test('what follows a single one gathers for 10 ms, what follows many for 50', async () => {
  const ends = finishTogether(db, 8);
  await ends.record(unit('a'));
  const second = ends.record(unit('b'));
  await turn();
  await vi.advanceTimersByTimeAsync(9);
  const more = ['c', 'd', 'e', 'f', 'g'].map((id) => ends.record(unit(id)));
  expect(statements).toEqual([['a']]);
  await vi.advanceTimersByTimeAsync(1);
  await Promise.all([second, ...more]);
  expect(statements).toEqual([['a'], ['b', 'c', 'd', 'e', 'f', 'g']]);
  const last = ends.record(unit('h'));
  await vi.advanceTimersByTimeAsync(49);
  expect(statements).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1);
  await last;
  expect(statements[2]).toEqual(['h']);
});

test('a deadlock of one statement is that of one unit: each is ended by itself', async () => {
  deadlocked = 'b';
  const ends = finishTogether(db, 8);
  const answers = await Promise.allSettled(['a', 'b', 'c'].map((id) => ends.record(unit(id))));
  expect(statements).toEqual([['a', 'b', 'c'], ['a'], ['b'], ['c']]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(answers[1]).toMatchObject({ reason: { code: '40P01' } });
});

test('enough of them wait for no more', async () => {
  const ends = finishTogether(db, 3);
  await ends.record(unit('a'));
  await Promise.all(['b', 'c', 'd'].map((id) => ends.record(unit(id))));
  expect(statements).toEqual([['a'], ['b', 'c', 'd']]);
});

test('the last ones wait for nothing', async () => {
  const ends = finishTogether(db, 8);
  await ends.record(unit('a'));
  const second = ends.record(unit('b'));
  await turn();
  ends.hurry();
  await second;
  await ends.record(unit('c'));
  expect(statements).toEqual([['a'], ['b'], ['c']]);
});
