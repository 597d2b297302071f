/**
 * What every event log promises, sentence by sentence: `eventLogContract('memory', createHarness)`.
 * S is the first sequence id held, E the next one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConflictError, InvalidInputError, SequenceRangeError } from '../../src/errors.ts';
import type { EventLog, LogEntry } from '../../src/event-log/event-log.ts';
import { describeEntries } from './event-log-entries.ts';
import { describeMetadata } from './event-log-metadata.ts';
import { describeModel } from './event-log-model.ts';
import { describeTruncation } from './event-log-truncation.ts';

export interface TestEntry extends LogEntry {
  type: string;
  value?: unknown;
}

export interface EventLogHarness {
  /** A new empty log. 'snapshot' and 'compact' may stand in `pending`. */
  createLog(options?: { pageSize?: number; snapshotEvery?: number }): Promise<EventLog<TestEntry>>;
  /** Makes what was added so far visible to others, where it is not at once. */
  commit?(): Promise<void>;
  close?(): Promise<void>;
}

export interface ContractContext {
  createLog: EventLogHarness['createLog'];
  commit(): Promise<void>;
  /** A log with entries 0 to count - 1. */
  filledLog(count: number, options?: { pageSize?: number; snapshotEvery?: number }): Promise<EventLog<TestEntry>>;
}

export const testEntry = (value: unknown): TestEntry => ({ type: 'Test', value });

export function eventLogContract(name: string, createHarness: () => Promise<EventLogHarness>): void {
  describe(`EventLog contract: ${name}`, () => {
    let harness: EventLogHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(() => harness?.close?.());

    const context: ContractContext = {
      createLog: (options) => harness.createLog(options),
      commit: async () => harness.commit?.(),
      async filledLog(count, options) {
        const log = await harness.createLog(options);
        if (count > 0) {
          await log.addEntries(
            Array.from({ length: count }, (_, index) => testEntry(index)),
            0n,
          );
        }
        return log;
      },
    };
    describeAppend(context);
    describeQuery(context);
    describeLastSnapshot(context);
    describeEntries(context);
    describeMetadata(context);
    describeTruncation(context);
    describeModel(context);
  });
}

function describeAppend({ createLog, filledLog, commit }: ContractContext): void {
  describe('addEntry and addEntries', () => {
    it('number entries from 0n without gaps and return the next id', async () => {
      const log = await createLog();
      expect(await log.addEntry(testEntry('a'), 0n)).toEqual({ nextSequenceId: 1n });
      expect(await log.addEntries([testEntry('b'), testEntry('c')], 1n)).toEqual({ nextSequenceId: 3n });
      expect(await log.addEntries([], 3n)).toEqual({ nextSequenceId: 3n });
      expect(await log.query('start', 'end')).toEqual({
        startSequenceId: 0n,
        endSequenceId: 3n,
        isComplete: true,
        entries: [testEntry('a'), testEntry('b'), testEntry('c')],
      });
    });

    it.each([0n, 1n, 3n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 70n)])(
      'at %d, which is not E, conflict, say what E is, and change nothing',
      async (sequenceId) => {
        const log = await filledLog(2);
        for (const add of [
          () => log.addEntry(testEntry('x'), sequenceId),
          () => log.addEntries([testEntry('x'), testEntry('y')], sequenceId),
          () => log.addEntries([], sequenceId),
        ]) {
          const error = await add().catch((caught) => caught);
          expect(error).toBeInstanceOf(ConflictError);
          expect(error).toMatchObject({ nextSequenceId: 2n, message: expect.stringContaining(`${sequenceId}`) });
        }
        expect((await log.query('start', 'end')).entries).toEqual([testEntry(0), testEntry(1)]);
        expect(await log.addEntry(testEntry(2), 2n)).toEqual({ nextSequenceId: 3n });
      },
    );

    it('add all of a batch or nothing, whichever entry is refused', async () => {
      const log = await filledLog(1);
      for (const at of [0, 1, 2]) {
        const batch = [testEntry(1), testEntry(2), testEntry(3)];
        batch[at] = testEntry(Number.NaN);
        await expect(log.addEntries(batch, 1n)).rejects.toThrow(InvalidInputError);
      }
      expect((await log.query('start', 'end')).endSequenceId).toBe(1n);
    });

    it('of 20 writers at one id exactly one wins, and the others learn the next id', async () => {
      const log = await filledLog(3);
      for (let round = 3n; round < 8n; round += 1n) {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 20 }, (_, writer) =>
            writer % 2 === 0 ? log.addEntry(testEntry(writer), round) : log.addEntries([testEntry(writer)], round),
          ),
        );
        const winners = outcomes.flatMap((outcome, writer) => (outcome.status === 'fulfilled' ? [writer] : []));
        expect(winners).toHaveLength(1);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') {
            expect(outcome.reason).toMatchObject({ code: 'conflict', nextSequenceId: round + 1n });
          }
        }
        expect((await log.query(round, 'end')).entries).toEqual([testEntry(winners[0])]);
      }
    });

    it('take any number of writers that read E and try again, each entry once', async () => {
      const log = await createLog();
      await Promise.all(
        Array.from({ length: 8 }, async (_, writer) => {
          let next = 0n;
          for (let turn = 0; turn < 5; ) {
            try {
              next = (await log.addEntry(testEntry(`${writer}-${turn}`), next)).nextSequenceId;
              turn += 1;
            } catch (error) {
              next = (error as ConflictError).nextSequenceId;
            }
          }
        }),
      );
      const { entries } = await log.query('start', 'end');
      expect(entries).toHaveLength(40);
      expect(new Set(entries.map(({ value }) => value)).size).toBe(40);
    });

    it('refuse an id that is no bigint', async () => {
      const log = await createLog();
      await expect(log.addEntry(testEntry(0), 0 as never)).rejects.toThrow('Sequence id 0 is a number, not a bigint: write 0n');
      await expect(log.query('0' as never, 'end')).rejects.toThrow(InvalidInputError);
      await expect(log.query('start', 5 as never)).rejects.toThrow(InvalidInputError);
    });
  });

  describe('subscribe', () => {
    it('hints after an append, and no more after it was ended', async () => {
      const log = await createLog();
      const hints = [0, 0];
      let wake = () => {};
      const ends = [
        log.subscribe(() => {
          hints[0] = (hints[0] ?? 0) + 1;
          wake();
        }),
        log.subscribe(() => {
          hints[1] = (hints[1] ?? 0) + 1;
        }),
      ];
      ends[1]?.();
      const hinted = new Promise<void>((resolve) => {
        wake = async () => {
          if ((await log.query('start', 'end')).endSequenceId === 1n) {
            resolve();
          }
        };
      });
      await log.addEntry(testEntry(0), 0n);
      await commit();
      await hinted;
      ends[0]?.();
      ends[0]?.();
      const seen = [...hints];
      await log.addEntry(testEntry(1), 1n);
      await commit();
      expect(hints).toEqual(seen);
      expect(hints[1]).toBe(0);
    });
  });
}

function describeQuery({ createLog, filledLog }: ContractContext): void {
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

function describeLastSnapshot({ filledLog }: ContractContext): void {
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
