import { describe, expect, it } from 'vitest';
import { ConflictError, SequenceRangeError } from '../../src/errors.ts';
import { type ContractContext, testEntry } from './event-log.ts';

export function describeTruncation({ createLog, filledLog }: ContractContext): void {
  describe('truncate', () => {
    it('drops what is before, and the ids of the rest stay', async () => {
      const log = await filledLog(10);
      await log.truncate(4n);
      expect(await log.query('start', 'end')).toEqual({
        startSequenceId: 4n,
        endSequenceId: 10n,
        isComplete: true,
        entries: [4, 5, 6, 7, 8, 9].map(testEntry),
      });
      expect(await log.query(7n, 9n)).toMatchObject({ startSequenceId: 7n, entries: [testEntry(7), testEntry(8)] });
      await expect(log.query(3n, 'end')).rejects.toMatchObject({ startSequenceId: 4n, endSequenceId: 10n });
      await log.truncate(6n);
      expect(await log.query('start', 'end')).toMatchObject({ startSequenceId: 6n, endSequenceId: 10n });
    });

    it('at S changes nothing', async () => {
      const log = await filledLog(3);
      await log.truncate(0n);
      expect((await log.query('start', 'end')).entries).toHaveLength(3);
      await log.truncate(2n);
      await log.truncate(2n);
      expect((await log.query('start', 'end')).entries).toEqual([testEntry(2)]);
    });

    it('at E leaves an empty log that can still be appended to at E', async () => {
      const log = await filledLog(3);
      await log.truncate(3n);
      const empty = { startSequenceId: 3n, endSequenceId: 3n, isComplete: true, entries: [] };
      expect(await log.query('start', 'end')).toEqual(empty);
      expect(await log.query('snapshot', 'end')).toEqual(empty);
      expect(await log.query(3n, 3n)).toEqual(empty);
      await log.truncate(3n);
      await expect(log.addEntry(testEntry('x'), 0n)).rejects.toThrow(ConflictError);
      expect(await log.addEntry(testEntry(3), 3n)).toEqual({ nextSequenceId: 4n });
      expect(await log.query('start', 'end')).toEqual({
        startSequenceId: 3n,
        endSequenceId: 4n,
        isComplete: true,
        entries: [testEntry(3)],
      });
    });

    it('of an empty log, at 0n, changes nothing', async () => {
      const log = await createLog();
      await log.truncate(0n);
      expect(await log.addEntry(testEntry(0), 0n)).toEqual({ nextSequenceId: 1n });
    });

    it.each([-1n, 3n, 11n, 2n ** 64n])('at %d, outside [S, E], fails and changes nothing', async (start) => {
      const log = await filledLog(10);
      await log.truncate(4n);
      const error = await log.truncate(start).catch((caught) => caught);
      expect(error).toBeInstanceOf(SequenceRangeError);
      expect(error).toMatchObject({ startSequenceId: 4n, endSequenceId: 10n });
      expect(await log.query('start', 'end')).toMatchObject({ startSequenceId: 4n, endSequenceId: 10n });
    });

    it('keeps the metadata of what is left, and forgets that of the rest', async () => {
      const log = await filledLog(4);
      await log.setMetadata(1n, { snapshot: 'one', pending: 'compact' });
      await log.setMetadata(2n, { snapshot: 'two', history: 'h' });
      await log.truncate(2n);
      expect((await log.query('start', 'end')).entries).toEqual([{ ...testEntry(2), snapshot: 'two', history: 'h' }, testEntry(3)]);
      await log.truncate(3n);
      expect(await log.query('snapshot', 'end', 0n)).toEqual({
        startSequenceId: 3n,
        endSequenceId: 4n,
        isComplete: true,
        entries: [testEntry(3)],
      });
    });
  });
}
