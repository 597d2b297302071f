import { describe, expect, it } from 'vitest';
import { InvalidInputError, SequenceRangeError } from '../../src/errors.ts';
import { type ContractContext, testEntry } from './event-log.ts';

export function describeQuery({ createLog, filledLog }: ContractContext): void {
  describe('query', () => {
    const empty = { startSequenceId: 0n, endSequenceId: 0n, isComplete: true, entries: [] };

    it('of an empty log is empty and complete', async () => {
      const log = await createLog();
      expect(await log.query('start', 'end')).toEqual(empty);
      expect(await log.query('snapshot', 'end')).toEqual(empty);
      expect(await log.query(0n, 0n)).toEqual(empty);
      expect(await log.query(0n, 5n)).toEqual(empty);
    });

    it.each([
      [0n, 3n, [0, 1, 2], true],
      [2n, 3n, [2], true],
      [2n, 2n, [], true],
      [2n, 1n, [], true],
      [2n, -5n, [], true],
      [3n, 'end', [3, 4], true],
      [3n, 5n, [3, 4], true],
      [3n, 100n, [3, 4], true],
      [3n, 2n ** 80n, [3, 4], true],
      [5n, 'end', [], true],
      [5n, 9n, [], true],
      ['start', 2n, [0, 1], true],
    ] as const)('from %s to %s, which is exclusive and clipped to E, gives %j', async (start, end, values, isComplete) => {
      const log = await filledLog(5);
      const first = start === 'start' ? 0n : start;
      expect(await log.query(start, end)).toEqual({
        startSequenceId: first,
        endSequenceId: first + BigInt(values.length),
        isComplete,
        entries: values.map(testEntry),
      });
    });

    it.each([-1n, 6n, 2n ** 63n, -(2n ** 80n)])('from %d, outside [S, E], fails and says what the log holds', async (start) => {
      const log = await filledLog(5);
      await expect(log.query(start, 'end')).rejects.toThrow(SequenceRangeError);
      await expect(log.query(start, start + 1n)).rejects.toMatchObject({ startSequenceId: 0n, endSequenceId: 5n });
    });

    it('gives pages, complete when they reach the end asked for, clipped to E before that is decided', async () => {
      const log = await filledLog(5, { pageSize: 2 });
      const page = async (...range: Parameters<typeof log.query>) => {
        const { endSequenceId, isComplete, entries } = await log.query(...range);
        expect(entries.map(({ value }) => value)).toEqual(
          Array.from({ length: entries.length }, (_, index) => Number(endSequenceId) - entries.length + index),
        );
        return [endSequenceId, isComplete];
      };
      expect(await page('start', 'end')).toEqual([2n, false]);
      expect(await page(2n, 'end')).toEqual([4n, false]);
      expect(await page(4n, 'end')).toEqual([5n, true]);
      expect(await page(3n, 'end')).toEqual([5n, true]);
      expect(await page(3n, 1_000n)).toEqual([5n, true]);
      expect(await page(0n, 2n)).toEqual([2n, true]);
      expect(await page(0n, 3n)).toEqual([2n, false]);
    });

    it('gives 1,000 entries a page unless told otherwise', async () => {
      const log = await filledLog(1_001);
      expect(await log.query('start', 'end')).toMatchObject({ endSequenceId: 1_000n, isComplete: false });
      expect(await log.query(1n, 'end')).toMatchObject({ endSequenceId: 1_001n, isComplete: true });
    });

    it.each([0, -1, 1.5, Number.NaN])('a page size of %d is refused', async (pageSize) => {
      await expect(createLog({ pageSize })).rejects.toThrow(InvalidInputError);
    });

    it("from 'snapshot' begins at the newest entry with a snapshot, else at S", async () => {
      const log = await filledLog(6);
      expect((await log.query('snapshot', 'end')).startSequenceId).toBe(0n);
      await log.setMetadata(2n, { snapshot: 'two' });
      expect((await log.query('snapshot', 'end')).startSequenceId).toBe(2n);
      await log.setMetadata(4n, { snapshot: 'four' });
      const { startSequenceId, entries } = await log.query('snapshot', 'end');
      expect(startSequenceId).toBe(4n);
      expect(entries).toEqual([{ ...testEntry(4), snapshot: 'four' }, testEntry(5)]);
      await log.setMetadata(4n, { snapshot: undefined });
      expect((await log.query('snapshot', 'end')).startSequenceId).toBe(2n);
      await log.truncate(3n);
      expect((await log.query('snapshot', 'end')).startSequenceId).toBe(3n);
    });
  });
}

export function describeLastSnapshot({ filledLog }: ContractContext): void {
  describe('lastSnapshot', () => {
    it('is given where a snapshotId is given and the newest snapshot is another', async () => {
      const log = await filledLog(5);
      expect(await log.query('start', 'end', 0n)).not.toHaveProperty('lastSnapshot');
      await log.setMetadata(3n, { snapshot: 'three' });
      const lastSnapshot = { sequenceId: 3n, blobId: 'three' };
      expect(await log.query('start', 'end')).not.toHaveProperty('lastSnapshot');
      expect(await log.query('snapshot', 'end')).not.toHaveProperty('lastSnapshot');
      expect(await log.query('start', 'end', 0n)).toMatchObject({ lastSnapshot });
      expect(await log.query('start', 'end', 4n)).toMatchObject({ lastSnapshot });
      expect(await log.query('start', 'end', -1n)).toMatchObject({ lastSnapshot });
      expect(await log.query('start', 'end', 2n ** 64n)).toMatchObject({ lastSnapshot });
      expect(await log.query('start', 'end', 3n)).not.toHaveProperty('lastSnapshot');
      expect(await log.addEntry(testEntry(5), 5n)).toEqual({ nextSequenceId: 6n });
      expect(await log.addEntry(testEntry(6), 6n, 3n)).toEqual({ nextSequenceId: 7n });
      expect(await log.addEntry(testEntry(7), 7n, 0n)).toEqual({ nextSequenceId: 8n, lastSnapshot });
      expect(await log.addEntries([testEntry(8), testEntry(9)], 8n, 2n)).toEqual({ nextSequenceId: 10n, lastSnapshot });
      expect(await log.addEntries([], 10n, 2n)).toEqual({ nextSequenceId: 10n, lastSnapshot });
    });

    it('is given also where that snapshot sits on the first entry held', async () => {
      const log = await filledLog(3);
      await log.setMetadata(0n, { snapshot: 'zero' });
      expect(await log.query('start', 'end', 1n)).toMatchObject({ lastSnapshot: { sequenceId: 0n, blobId: 'zero' } });
      await log.setMetadata(2n, { snapshot: 'two' });
      await log.truncate(2n);
      expect(await log.query('start', 'end', 0n)).toMatchObject({ lastSnapshot: { sequenceId: 2n, blobId: 'two' } });
      expect(await log.addEntry(testEntry(3), 3n, 0n)).toMatchObject({ lastSnapshot: { sequenceId: 2n, blobId: 'two' } });
    });

    it('is the newest of several, also one that was added with its entry', async () => {
      const log = await filledLog(3);
      await log.setMetadata(2n, { snapshot: 'two' });
      await log.setMetadata(1n, { snapshot: 'one' });
      expect(await log.query('start', 1n, 1n)).toMatchObject({ lastSnapshot: { sequenceId: 2n, blobId: 'two' } });
      expect(await log.addEntry({ ...testEntry(3), snapshot: 'three' }, 3n, 2n)).toMatchObject({
        lastSnapshot: { sequenceId: 3n, blobId: 'three' },
      });
      await log.truncate(4n);
      expect(await log.query('start', 'end', 2n)).not.toHaveProperty('lastSnapshot');
    });
  });
}
