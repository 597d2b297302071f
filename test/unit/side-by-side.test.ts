import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runSideBySide } from '../../src/snapshots/side-by-side.ts';

/** Tasks that note how many, and how much weight, run at once. */
function watched() {
  const seen = { running: 0, most: 0, weight: 0, heaviest: 0, done: [] as number[] };
  const task = async (item: number) => {
    seen.running += 1;
    seen.weight += item;
    seen.most = Math.max(seen.most, seen.running);
    seen.heaviest = Math.max(seen.heaviest, seen.weight);
    await sleep(item % 3);
    seen.running -= 1;
    seen.weight -= item;
    seen.done.push(item);
  };
  return { seen, task };
}

test('runs every item, never more side by side than the width', async () => {
  const { seen, task } = watched();
  const items = Array.from({ length: 50 }, (_, index) => index);
  await runSideBySide(items, { width: 4 }, task);
  expect(seen.most).toBe(4);
  expect(seen.done.toSorted((one, other) => one - other)).toEqual(items);
});

test('never takes more weight at once, but for a single item that is heavier by itself', async () => {
  const { seen, task } = watched();
  await runSideBySide([3, 4, 5, 50, 2, 2, 2, 2, 2, 9], { width: 10, weight: (item) => item, maxWeight: 10 }, task);
  expect(seen.heaviest).toBe(50);
  expect(seen.most).toBe(5);
  expect(seen.done).toHaveLength(10);
});

test('after a failure begins nothing more, and waits for what runs before it throws', async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const run = runSideBySide([0, 1, 2, 3, 4, 5], { width: 3 }, async (item) => {
    begun.push(item);
    await sleep(item === 1 ? 1 : 20);
    if (item === 1) throw new Error('first');
    ended.push(item);
    if (item === 2) throw new Error('second');
  });
  await expect(run).rejects.toThrow('first');
  expect(begun).toEqual([0, 1, 2]);
  expect(ended).toEqual([0, 2]);
});
