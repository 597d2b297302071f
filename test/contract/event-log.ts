/**
 * What every event log promises, sentence by sentence: `eventLogContract('memory', createHarness)`.
 * S is the first sequence id held, E the next one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConflictError, InvalidInputError } from '../../src/errors.ts';
import type { ArchivableLog, EventLog, LogEntry } from '../../src/event-log/event-log.ts';
import { describeEntries } from './event-log-entries.ts';
import { describeMetadata } from './event-log-metadata.ts';
import { describeModel } from './event-log-model.ts';
import { describeLastSnapshot, describeQuery } from './event-log-query.ts';
import { describeTruncation } from './event-log-truncation.ts';

export interface TestEntry extends LogEntry {
  type: string;
  value?: unknown;
}

export interface LogOptions {
  pageSize?: number;
  snapshotEvery?: number;
  compactEvery?: number;
}

export interface EventLogHarness {
  /** A new empty log. 'snapshot', 'compact' and 'mail' may stand in `pending`. */
  createLog(options?: LogOptions): Promise<ArchivableLog<TestEntry>>;
  /** Makes what was added so far visible to others, where it is not at once. */
  commit?(): Promise<void>;
  close?(): Promise<void>;
}

export interface ContractContext {
  createLog: EventLogHarness['createLog'];
  commit(): Promise<void>;
  /** A log with entries 0 to count - 1. */
  filledLog(count: number, options?: LogOptions): Promise<EventLog<TestEntry>>;
}

export const testEntry = (value: unknown): TestEntry => ({ type: 'Test', value });

export interface ContractOptions {
  /** Sequences of calls that the model is compared with: fewer where each call takes long. Default 40. */
  modelRuns?: number;
}

export function eventLogContract(
  name: string,
  createHarness: () => Promise<EventLogHarness>,
  { modelRuns = 40 }: ContractOptions = {},
): void {
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
    describeModel(context, modelRuns);
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
