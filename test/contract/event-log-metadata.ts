import { describe, expect, it } from 'vitest';
import { InvalidInputError, SequenceRangeError, UnknownWorkflowError } from '../../src/errors.ts';
import type { ArchivableLog, EventLog, LogMetadata, SequenceId } from '../../src/event-log/event-log.ts';
import { type ContractContext, type TestEntry, testEntry } from './event-log.ts';

const metadataOf = async (log: EventLog<TestEntry>, sequenceId: SequenceId) => {
  const [entry] = (await log.query(sequenceId, sequenceId + 1n)).entries;
  const { type, value, ...metadata } = entry as TestEntry;
  return metadata;
};

export function describeMetadata({ createLog, filledLog }: ContractContext): void {
  describe('setMetadata', () => {
    it('sets what it is given and leaves the rest, the entry and its neighbours', async () => {
      const log = await filledLog(3);
      await log.setMetadata(1n, { snapshot: 's' });
      expect(await metadataOf(log, 1n)).toEqual({ snapshot: 's' });
      await log.setMetadata(1n, { history: 'h', pending: 'compact' });
      expect(await metadataOf(log, 1n)).toEqual({ snapshot: 's', history: 'h', pending: 'compact' });
      await log.setMetadata(1n, { snapshot: 's2' });
      await log.setMetadata(1n, {});
      expect((await log.query('start', 'end')).entries).toEqual([
        testEntry(0),
        { ...testEntry(1), snapshot: 's2', history: 'h', pending: 'compact' },
        testEntry(2),
      ]);
    });

    it('clears a key that is there with undefined', async () => {
      const log = await filledLog(1);
      await log.setMetadata(0n, { snapshot: 's', history: 'h', pending: 'compact' });
      await log.setMetadata(0n, { pending: undefined, history: undefined });
      expect(await metadataOf(log, 0n)).toEqual({ snapshot: 's' });
    });

    it('takes own keys of snapshot, history and pending alone', async () => {
      const log = await filledLog(1);
      await log.setMetadata(0n, { snapshot: 's', pending: 'compact' });
      const inherited = Object.create({ snapshot: 'inherited', pending: undefined }) as LogMetadata;
      await log.setMetadata(0n, Object.assign(inherited, { history: 'h', value: 'changed', type: 'Changed', other: 1 }));
      expect((await log.query('start', 'end')).entries).toEqual([{ ...testEntry(0), snapshot: 's', history: 'h', pending: 'compact' }]);
    });

    it.each([-1n, 3n, 4n, 2n ** 64n])('at %d, outside [S, E), fails and says what the log holds', async (sequenceId) => {
      const log = await filledLog(3);
      const error = await log.setMetadata(sequenceId, { snapshot: 's' }).catch((caught) => caught);
      expect(error).toBeInstanceOf(SequenceRangeError);
      expect(error).toMatchObject({ startSequenceId: 0n, endSequenceId: 3n });
      await expect(log.setMetadata(sequenceId, {})).rejects.toThrow(SequenceRangeError);
    });

    it('before S fails', async () => {
      const log = await filledLog(3);
      await log.truncate(2n);
      await expect(log.setMetadata(1n, { snapshot: 's' })).rejects.toMatchObject({ startSequenceId: 2n, endSequenceId: 3n });
      await log.setMetadata(2n, { snapshot: 's' });
      expect(await metadataOf(log, 2n)).toEqual({ snapshot: 's' });
    });

    it('sets all or nothing', async () => {
      const log = await filledLog(1);
      await expect(log.setMetadata(0n, { snapshot: 's', pending: 'nobody' })).rejects.toThrow(UnknownWorkflowError);
      await expect(log.setMetadata(0n, { snapshot: 's', history: 7 as never })).rejects.toThrow(InvalidInputError);
      await expect(log.setMetadata(0n, { snapshot: 's', pending: 'No Name' })).rejects.toThrow(InvalidInputError);
      await expect(log.setMetadata(0n, { snapshot: null as never })).rejects.toThrow(InvalidInputError);
      await expect(log.setMetadata(0n, null as never)).rejects.toThrow(InvalidInputError);
      expect(await metadataOf(log, 0n)).toEqual({});
    });
  });

  describe('completeWorkflow', () => {
    it('where pending is still that workflow, sets the result and clears pending', async () => {
      const log = await createLog();
      await log.addEntries([{ ...testEntry(0), history: 'h', pending: 'snapshot' }, testEntry(1)], 0n);
      expect(await log.completeWorkflow(0n, 'snapshot', { snapshot: 's' })).toBe('completed');
      expect((await log.query('start', 'end')).entries).toEqual([{ ...testEntry(0), snapshot: 's', history: 'h' }, testEntry(1)]);
      expect(await log.query('start', 'end', 1n)).toMatchObject({ lastSnapshot: { sequenceId: 0n, blobId: 's' } });
    });

    it('keeps what its result does not name', async () => {
      const log = await createLog();
      await log.addEntry({ ...testEntry(0), snapshot: 's', history: 'h', pending: 'compact' }, 0n);
      expect(await log.completeWorkflow(0n, 'compact', {})).toBe('completed');
      expect(await metadataOf(log, 0n)).toEqual({ snapshot: 's', history: 'h' });
    });

    it('changes nothing where it was done already, or where something else is pending', async () => {
      const log = await createLog();
      await log.addEntries([{ ...testEntry(0), pending: 'snapshot' }, { ...testEntry(1), pending: 'compact' }, testEntry(2)], 0n);
      await log.completeWorkflow(0n, 'snapshot', { snapshot: 'good' });
      expect(await log.completeWorkflow(0n, 'snapshot', { snapshot: 'late' })).toBe('already-done');
      expect(await log.completeWorkflow(1n, 'snapshot', { snapshot: 'wrong' })).toBe('already-done');
      expect(await log.completeWorkflow(2n, 'snapshot', { snapshot: 'unasked' })).toBe('already-done');
      expect((await log.query('start', 'end')).entries).toEqual([
        { ...testEntry(0), snapshot: 'good' },
        { ...testEntry(1), pending: 'compact' },
        testEntry(2),
      ]);
    });

    it('of several at once one completes, and its result stays', async () => {
      const log = await createLog();
      await log.addEntry({ ...testEntry(0), pending: 'snapshot' }, 0n);
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, index) => log.completeWorkflow(0n, 'snapshot', { snapshot: `s${index}` })),
      );
      expect(outcomes.filter((outcome) => outcome === 'completed')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'already-done')).toHaveLength(9);
      expect(await metadataOf(log, 0n)).toEqual({ snapshot: `s${outcomes.indexOf('completed')}` });
    });

    it("before S is 'truncated', at or after E a range error", async () => {
      const log = await createLog();
      await log.addEntries([{ ...testEntry(0), pending: 'snapshot' }, testEntry(1)], 0n);
      await log.truncate(1n);
      expect(await log.completeWorkflow(0n, 'snapshot', { snapshot: 's' })).toBe('truncated');
      for (const sequenceId of [-1n, 2n, 3n, 2n ** 64n]) {
        await expect(log.completeWorkflow(sequenceId, 'snapshot', {})).rejects.toMatchObject({ code: 'sequence_range', endSequenceId: 2n });
      }
    });

    it('refuses a result that is no blob id', async () => {
      const log = await createLog();
      await log.addEntry({ ...testEntry(0), pending: 'snapshot' }, 0n);
      await expect(log.completeWorkflow(0n, 'snapshot', { snapshot: '' })).rejects.toThrow(InvalidInputError);
      expect(await metadataOf(log, 0n)).toEqual({ pending: 'snapshot' });
    });
  });

  describe('the snapshot policy', () => {
    const pendingOf = async (log: EventLog<TestEntry>) =>
      (await log.query('start', 'end')).entries.flatMap(({ pending }, index) => (pending === undefined ? [] : [[index, pending]]));
    const append = async (log: EventLog<TestEntry>, count: number) => {
      for (let added = 0; added < count; added += 1) {
        await log.addEntry(testEntry(added), (await log.query('start', 'end')).endSequenceId);
      }
    };

    it('without one, nothing is asked for', async () => {
      expect(await pendingOf(await filledLog(50))).toEqual([]);
    });

    it('asks on the last entry of the append that reaches snapshotEvery, and not again while that is open', async () => {
      const log = await createLog({ snapshotEvery: 5 });
      await append(log, 4);
      expect(await pendingOf(log)).toEqual([]);
      await append(log, 1);
      expect(await pendingOf(log)).toEqual([[4, 'snapshot']]);
      await append(log, 20);
      expect(await pendingOf(log)).toEqual([[4, 'snapshot']]);
    });

    it('asks again once that is done, counting from the entry it was asked on', async () => {
      const log = await createLog({ snapshotEvery: 5 });
      await append(log, 5);
      await log.completeWorkflow(4n, 'snapshot', { snapshot: 'four' });
      await append(log, 3);
      expect(await pendingOf(log)).toEqual([]);
      await append(log, 1);
      expect(await pendingOf(log)).toEqual([[8, 'snapshot']]);
    });

    it('asks once for a batch, however long, on its last entry', async () => {
      expect(await pendingOf(await filledLog(23, { snapshotEvery: 5 }))).toEqual([[22, 'snapshot']]);
    });

    it('honours a pending of the caller’s own, and counts from it', async () => {
      const log = await createLog({ snapshotEvery: 5 });
      await log.addEntries([testEntry(0), { ...testEntry(1), pending: 'snapshot' }, testEntry(2)], 0n);
      await log.completeWorkflow(1n, 'snapshot', { snapshot: 'one' });
      await append(log, 2);
      expect(await pendingOf(log)).toEqual([]);
      await append(log, 1);
      expect(await pendingOf(log)).toEqual([[5, 'snapshot']]);
    });

    it('does not take the place of another pending', async () => {
      const log = await createLog({ snapshotEvery: 2 });
      await log.addEntries([testEntry(0), { ...testEntry(1), pending: 'mail' }], 0n);
      expect(await pendingOf(log)).toEqual([[1, 'mail']]);
      await append(log, 1);
      expect(await pendingOf(log)).toEqual([
        [1, 'mail'],
        [2, 'snapshot'],
      ]);
    });

    it('asks for nothing while a compaction is open, which takes a snapshot itself, and counts from that', async () => {
      const log = await createLog({ snapshotEvery: 3 });
      await log.addEntries([testEntry(0), { ...testEntry(1), pending: 'compact' }], 0n);
      await append(log, 8);
      expect(await pendingOf(log)).toEqual([[1, 'compact']]);
      await log.completeWorkflow(1n, 'compact', { snapshot: 'one', history: 'h' });
      await append(log, 1);
      expect(await pendingOf(log)).toEqual([[10, 'snapshot']]);
    });
  });

  describe('the compaction policy', () => {
    /** Every pending is done at once. @returns what was asked for, where */
    const appendAndComplete = async (log: EventLog<TestEntry>, count: number) => {
      const asked: [number, string][] = [];
      for (let added = 0; added < count; added += 1) {
        const at = (await log.query('start', 'end')).endSequenceId;
        await log.addEntry(testEntry(added), at);
        const { pending } = (await log.query(at, at + 1n)).entries[0] as TestEntry;
        if (pending !== undefined) {
          asked.push([Number(at), pending]);
          await log.completeWorkflow(at, pending, { snapshot: `s${at}` });
        }
      }
      return asked;
    };

    it('asks for a compaction in place of the snapshot that is due where the log holds compactEvery entries', async () => {
      const log = await createLog({ snapshotEvery: 4, compactEvery: 10 });
      expect(await appendAndComplete(log, 12)).toEqual([
        [3, 'snapshot'],
        [6, 'snapshot'],
        [9, 'compact'],
      ]);
    });

    it('counts from the first entry held, or from the last compaction where older entries had to stay', async () => {
      const log = await createLog({ snapshotEvery: 4, compactEvery: 10 });
      await appendAndComplete(log, 12);
      expect(await appendAndComplete(log, 12)).toEqual([
        [12, 'snapshot'],
        [15, 'snapshot'],
        [18, 'compact'],
        [21, 'snapshot'],
      ]);
      await log.truncate(24n);
      expect(await appendAndComplete(log, 12)).toEqual([
        [24, 'snapshot'],
        [27, 'snapshot'],
        [30, 'snapshot'],
        [33, 'compact'],
      ]);
    });

    it('without one, nothing but snapshots is asked for', async () => {
      const asked = await appendAndComplete(await createLog({ snapshotEvery: 4 }), 40);
      expect(new Set(asked.map(([, workflow]) => workflow))).toEqual(new Set(['snapshot']));
    });
  });

  describe('lastHistory', () => {
    it('is the newest entry with a history that the log holds', async () => {
      const log = (await filledLog(5)) as ArchivableLog<TestEntry>;
      expect(await log.lastHistory()).toBeUndefined();
      await log.setMetadata(3n, { history: 'three' });
      await log.setMetadata(1n, { history: 'one' });
      expect(await log.lastHistory()).toEqual({ sequenceId: 3n, blobId: 'three' });
      await log.setMetadata(3n, { history: undefined });
      expect(await log.lastHistory()).toEqual({ sequenceId: 1n, blobId: 'one' });
      await log.truncate(2n);
      expect(await log.lastHistory()).toBeUndefined();
    });
  });
}
