/** Compaction and history without a database: the formats, and reading over both. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { CorruptBlobError, HistoryGoneError, SequenceRangeError } from '../../src/errors.ts';
import { defineLogType } from '../../src/event-log/define-log-type.ts';
import type { LogEntry } from '../../src/event-log/event-log.ts';
import { followLog } from '../../src/event-log/follow-log.ts';
import { createMemoryEventLog, type MemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import { archiveEntries } from '../../src/history/archive.ts';
import { type CompactProgress, compactLog } from '../../src/history/compact-log.ts';
import { historyReferences, historyRoots } from '../../src/history/history-references.ts';
import { readHistoryRoot, writeHistoryRoot } from '../../src/history/history-root.ts';
import { readSegment, writeSegment } from '../../src/history/segment.ts';
import { storedEntriesOf } from '../../src/history/stored-entry.ts';
import { withHistory } from '../../src/history/with-history.ts';
import { createSnapshotCache } from '../../src/snapshots/cache.ts';
import { readState } from '../../src/snapshots/read-state.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { applyBankEntry, type BankEntry, bankAccount, bankEntry, bankEntryFor } from '../support/bank-account.ts';
import { compactAt, readAll } from './history-fixtures.ts';
import {
  anyBankEntry,
  anySheetEntry,
  blobNames,
  COLUMNS,
  contentOf,
  expectedContent,
  newBlobs,
  ROWS,
  watchBlobs,
} from './snapshot-fixtures.ts';

const accountOf = (count: number) => Array.from({ length: count }, (_, number) => bankEntryFor(number));
const fold = (entries: readonly BankEntry[]) => entries.reduce(applyBankEntry, bankAccount.initial());

async function newAccount(count: number, pageSize = 7) {
  const log = createMemoryEventLog<BankEntry & LogEntry>({ pageSize });
  const blobs = await newBlobs();
  await log.addEntries(accountOf(count), 0n);
  return { log, blobs, logType: bankAccount };
}

describe('a segment', () => {
  test('keeps entries whole, with the text of their data as it was', async () => {
    const blobs = await newBlobs();
    const entries = [
      {
        type: "O'Brien 漢",
        data: ' { "b" : 1.50 ,\n "a": 12345678901234567890, "s": "\\ud83c \\u0000 🌊" } ',
        committedAt: '2026-11-21T13:00:00.123456Z',
        actor: 'ann',
        correlationId: 'c',
        causationId: 'd',
        snapshot: 's',
        history: 'h',
      },
      { type: 'Bare', data: '{}' },
    ];
    const ref = await writeSegment(blobs, 7n, entries, 'segment-before');
    expect(ref).toMatchObject({ start: 7n, end: 9n, name: expect.stringMatching(/^segment-7-[0-9a-f]{64}\.gz$/) });
    const { rows } = await readSegment(blobs, ref);
    expect(rows).toEqual([
      [entries[0]?.type, entries[0]?.data, '2026-11-21T13:00:00.123456Z', 'ann', 'c', 'd', 's', 'h'],
      ['Bare', '{}'],
    ]);
  });

  test('that is not the one its history lists is refused', async () => {
    const blobs = await newBlobs();
    const ref = await writeSegment(blobs, 0n, [{ type: 'A', data: '{}' }], undefined);
    await expect(readSegment(blobs, { ...ref, end: 2n })).rejects.toThrow(CorruptBlobError);
    await expect(readSegment(blobs, { ...ref, start: 1n, end: 2n })).rejects.toThrow('does not hold the entries from 1');
  });
});

describe('a root', () => {
  const at = (start: bigint, end: bigint) => ({ start, end, bytes: 1, name: `segment-${start}` });

  test.each([
    ['a gap', { start: 0n, end: 9n, segments: [at(0n, 4n), at(5n, 9n)] }, 'one begins at 5, the one before it ends at 4'],
    ['an overlap', { start: 0n, end: 9n, segments: [at(0n, 6n), at(5n, 9n)] }, 'one begins at 5, the one before it ends at 6'],
    ['an end that is not its own', { start: 0n, end: 9n, segments: [at(0n, 6n)] }, 'end at 6, it says 9'],
    ['a beginning that is missing', { start: 0n, end: 9n, segments: [at(3n, 9n)] }, 'one begins at 3'],
    ['no join with the root before it', { start: 0n, end: 9n, previous: { name: 'x', end: 4n }, segments: [at(5n, 9n)] }, 'begins at 5'],
    ['nothing in it', { start: 0n, end: 0n, segments: [] }, 'cannot be used'],
  ])('with %s is refused by name', async (_, root, reason) => {
    const blobs = await newBlobs();
    const name = await writeHistoryRoot(blobs, { snapshots: [], ...root });
    const error = await readHistoryRoot(blobs, name).catch((caught) => caught);
    expect(error).toBeInstanceOf(CorruptBlobError);
    expect(error.message).toContain(name);
    expect(error.message).toContain(reason);
  });

  test('of another entry than the one that names it is refused', async () => {
    const account = await newAccount(20);
    const history = (await compactAt(account, 10n)) as string;
    await account.log.setMetadata(12n, { history });
    await expect(withHistory(account).query(3n, 'end')).rejects.toThrow('it ends at 10 and is the history of entry 12');
  });

  test('that is no root, or is gone, is a named error for whoever needs it, and nobody else', async () => {
    const account = await newAccount(20);
    await compactAt(account, 10n);
    await account.log.setMetadata(10n, { history: 'a users own' });
    expect((await withHistory(account).query(10n, 'end')).entries).toHaveLength(7);
    await expect(withHistory(account).query(3n, 'end')).rejects.toThrow("Blob 'a users own' cannot be used");
  });

  test('stays small: older segments are in the roots before it', async () => {
    const account = await newAccount(100);
    const name = (await compactAt(account, 96n, { segmentEntries: 4, rootSegments: 3 })) as string;
    const root = await readHistoryRoot(account.blobs, name);
    expect(root).toMatchObject({ start: 0n, end: 96n, previous: { end: 84n } });
    expect(root.segments).toHaveLength(3);
    const references: string[] = [];
    for await (const reference of historyReferences(account.blobs, name)) references.push(reference);
    expect(references.sort()).toEqual(
      [...(await blobNames(account.blobs, 'segment-')), ...(await blobNames(account.blobs, 'history-'))]
        .filter((blob) => blob !== name)
        .sort(),
    );
    expect(references.filter((reference) => reference.startsWith('segment-'))).toHaveLength(24);
  });
});

describe('after a compaction', () => {
  test('the log holds the rest, and all of it is read as before', async () => {
    const account = await newAccount(50);
    await compactAt(account, 30n);
    expect((await account.log.query('start', 'end')).startSequenceId).toBe(30n);
    expect(await readAll(account.log, account.blobs)).toEqual(accountOf(50));
    expect(await readState({ ...account, log: withHistory(account) })).toEqual({ state: fold(accountOf(50)), sequenceId: 50n });
  });

  test('a range may begin in the history and end in the log, and a page ends where a segment does', async () => {
    const account = await newAccount(20);
    await compactAt(account, 10n);
    const log = withHistory(account);
    expect(await log.query(6n, 'end')).toEqual({
      startSequenceId: 6n,
      endSequenceId: 8n,
      isComplete: false,
      entries: accountOf(20).slice(6, 8),
    });
    expect(await log.query(5n, 7n)).toMatchObject({ endSequenceId: 7n, isComplete: true });
    expect(await log.query(5n, 5n)).toMatchObject({ endSequenceId: 5n, isComplete: true, entries: [] });
    expect(await log.query(8n, 10n)).toMatchObject({ endSequenceId: 10n, isComplete: true });
    expect(await log.query(9n, 1_000n)).toMatchObject({ endSequenceId: 10n, isComplete: false });
    expect(await log.query('start', 'end', 0n)).toMatchObject({ startSequenceId: 0n, lastSnapshot: { sequenceId: 10n } });
    expect(await log.query('start', 'end', 10n)).not.toHaveProperty('lastSnapshot');
    await expect(log.query(-1n, 'end')).rejects.toMatchObject({ startSequenceId: 0n, endSequenceId: 20n });
    await expect(log.query(21n, 'end')).rejects.toMatchObject({ startSequenceId: 0n, endSequenceId: 20n });
  });

  test('reading what the log holds reads no blob of the history', async () => {
    const account = await newAccount(20);
    await compactAt(account, 10n);
    const { dir, reads } = watchBlobs(account.blobs);
    const log = withHistory({ ...account, blobs: dir });
    await log.query('snapshot', 'end', 3n);
    await log.query(12n, 'end');
    expect(reads).toEqual([]);
  });

  test('what is read is the caller’s own, also out of a cache', async () => {
    const blobs = await newBlobs();
    const log = createMemoryEventLog<LogEntry & { list: number[] }>();
    await log.addEntries(
      [
        { type: 'A', list: [1] },
        { type: 'B', list: [] },
      ],
      0n,
    );
    const logType = defineLogType({
      type: 'list',
      version: 1,
      entry: z.object({ type: z.string(), list: z.array(z.number()) }),
      initial: () => 0,
      apply: (state) => state,
    });
    await compactAt({ log, blobs, logType }, 1n);
    const readable = withHistory({ log, blobs, cache: createSnapshotCache() });
    const [entry] = (await readable.query(0n, 1n)).entries;
    entry?.list.push(2);
    expect((await readable.query(0n, 1n)).entries).toEqual([{ type: 'A', list: [1] }]);
  });

  test('between two pages, the reader goes on in the history', async () => {
    const account = await newAccount(40);
    const log = withHistory(account);
    const first = await log.query(0n, 'end');
    await compactAt(account, 30n);
    expect((await log.query(first.endSequenceId, 'end')).entries[0]).toEqual(bankEntryFor(Number(first.endSequenceId)));
    await account.log.addEntries(accountOf(20), 40n);
    await compactAt(account, 50n);
    expect((await log.query(45n, 46n)).entries).toEqual([bankEntryFor(5)]);
  });

  test('a follower that was slow misses nothing', async () => {
    const account = await newAccount(30, 3);
    const seen: bigint[] = [];
    const stop = new AbortController();
    for await (const { entry, sequenceId } of followLog(withHistory(account), { signal: stop.signal })) {
      expect(entry).toMatchObject(bankEntryFor(Number(sequenceId)));
      seen.push(sequenceId);
      if (sequenceId === 2n) await compactAt(account, 25n);
      if (sequenceId === 29n) stop.abort();
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, id) => BigInt(id)));
  });

  test('going back uses the newest kept snapshot, and steps over those that were removed', async () => {
    const account = await newAccount(60);
    const snapshots = new Map<bigint, string>();
    for (const sequenceId of [10n, 20n, 30n]) {
      const snapshot = await takeSnapshot({ ...account, sequenceId });
      snapshots.set(sequenceId, snapshot);
      await account.log.setMetadata(sequenceId, { snapshot });
    }
    const history = (await compactAt(account, 50n, {})) as string;
    const archived: bigint[] = [];
    for await (const { root } of historyRoots(account.blobs, history)) {
      archived.push(...root.snapshots.toReversed().map(({ sequenceId }) => sequenceId));
    }
    expect(archived).toEqual([30n, 20n, 10n]);

    const readsAt = async (at: bigint) => {
      const { dir, reads } = watchBlobs(account.blobs);
      const { state } = await readState({ log: withHistory({ ...account, blobs: dir }), blobs: dir, logType: bankAccount, at });
      expect(state).toEqual(fold(accountOf(Number(at))));
      return reads;
    };
    expect(await readsAt(35n)).toEqual([history, snapshots.get(30n), expect.stringMatching(/^segment-0-/)]);
    await account.blobs.removeBlob(snapshots.get(30n) as string);
    expect(await readsAt(35n)).toEqual([history, snapshots.get(30n), snapshots.get(20n), expect.stringMatching(/^segment-0-/)]);
    for (const name of snapshots.values()) await account.blobs.removeBlob(name);
    await readsAt(35n);
  });

  test('a new version of the log type is folded from the history', async () => {
    const account = await newAccount(40);
    await compactAt(account, 35n);
    const twice = defineLogType({
      ...bankAccount,
      version: 2,
      entry: bankEntry,
      apply: (state, entry) => applyBankEntry(applyBankEntry(state, entry), entry),
    });
    const { state } = await readState({ ...account, log: withHistory(account), logType: twice });
    expect(state).toEqual(fold(accountOf(40).flatMap((entry) => [entry, entry])));
  });

  test('a log that was truncated by hand before has a history that begins there, and says so', async () => {
    const account = await newAccount(40);
    const snapshot = await takeSnapshot({ ...account, sequenceId: 12n });
    await account.log.setMetadata(12n, { snapshot });
    await account.log.truncate(12n);
    await compactAt(account, 30n);
    const log = withHistory(account);
    expect((await log.query('start', 'end')).startSequenceId).toBe(12n);
    expect((await readState({ ...account, log, at: 12n })).state).toEqual(fold(accountOf(12)));
    await expect(log.query(11n, 'end')).rejects.toMatchObject({ startSequenceId: 12n, endSequenceId: 40n });
    await expect(readState({ ...account, log, at: 11n })).rejects.toThrow(SequenceRangeError);
    await account.blobs.removeBlob(snapshot);
    await expect(readState({ ...account, log, at: 20n })).rejects.toThrow(HistoryGoneError);
  });

  test('truncated by hand past its compaction, the next history begins anew: never with a gap', async () => {
    const account = await newAccount(40);
    await compactAt(account, 20n);
    await account.log.setMetadata(30n, { snapshot: await takeSnapshot({ ...account, log: withHistory(account), sequenceId: 30n }) });
    await account.log.truncate(30n);
    await compactAt(account, 38n);
    expect((await withHistory(account).query('start', 'end')).startSequenceId).toBe(30n);
    expect(await readAll(account.log, account.blobs)).toEqual(accountOf(40).slice(30));
  });

  test('again at the same entry, or where nothing is before it, nothing is archived', async () => {
    const account = await newAccount(20);
    const history = await compactAt(account, 10n);
    expect(await compactLog({ ...account, sequenceId: 10n })).toEqual({ snapshot: expect.any(String), history, start: 0n, entries: 0 });
    const fresh = await newAccount(3);
    expect(await compactLog({ ...fresh, sequenceId: 0n })).toEqual({ snapshot: expect.any(String), entries: 0 });
  });

  test('entries that stay in the log before the compacted one are not archived twice', async () => {
    const account = await newAccount(30);
    const { snapshot, history } = await compactLog({ ...account, sequenceId: 20n });
    await account.log.setMetadata(20n, { snapshot, history });
    await account.log.truncate(8n);
    expect(await compactLog({ ...account, sequenceId: 15n })).toEqual({ snapshot: expect.any(String), entries: 0 });
    expect(await compactLog({ ...account, sequenceId: 25n })).toMatchObject({ start: 0n, entries: 5 });
    expect(await readAll(account.log, account.blobs)).toEqual(accountOf(30));
  });
});

describe('a compaction that is stopped', () => {
  const segments = { segmentEntries: 4, rootSegments: 3, progressMs: 0 };

  test('goes on from the last history it reported, and ends with the same blobs', async () => {
    const whole = await newAccount(60);
    const expected = await compactLog({ ...whole, sequenceId: 55n, segments });
    for (const stopAfter of [1, 2, 5, 13]) {
      const account = await newAccount(60);
      let reports = 0;
      let resume: { snapshot: { sequenceId: bigint; blobId: string }; history?: string } | undefined;
      await expect(
        compactLog({
          ...account,
          sequenceId: 55n,
          segments,
          onProgress(progress) {
            resume = progress;
            reports += 1;
            if (reports === stopAfter) throw new Error('killed');
          },
        }),
      ).rejects.toThrow('killed');
      const again = await compactLog({ ...account, sequenceId: 55n, segments, resume });
      expect(again).toEqual({ ...expected, entries: 55 - 4 * stopAfter });
      expect((await blobNames(account.blobs)).length).toBeGreaterThanOrEqual((await blobNames(whole.blobs)).length - 13);
    }
  });

  test.each(['no blob', `segment-0-${'a'.repeat(64)}.gz`])('and reported what cannot be read (%s) begins again', async (history) => {
    const account = await newAccount(30);
    const expected = await compactLog({ ...account, sequenceId: 20n, segments });
    const resume = { snapshot: { sequenceId: 20n, blobId: expected.snapshot }, history };
    expect(await compactLog({ ...account, sequenceId: 20n, segments, resume })).toEqual(expected);
  });

  test('and whose segments were removed meanwhile begins again, and never truncates for what is gone', async () => {
    const account = await newAccount(60);
    let resume: CompactProgress | undefined;
    const onProgress = (progress: CompactProgress) => {
      resume = progress;
    };
    const expected = await compactLog({ ...account, sequenceId: 55n, segments, onProgress });
    const names = await blobNames(account.blobs, 'segment-');
    for (const name of [names[0], names[5]]) {
      await account.blobs.removeBlob(name as string);
      expect(await compactLog({ ...account, sequenceId: 55n, segments, resume })).toEqual(expected);
      expect(await blobNames(account.blobs, 'segment-')).toEqual(names);
    }
  });

  test.each([3, 6, 9, 12])('at write %i leaves what the log says as it was, and nothing that is in the way', async (write) => {
    const account = await newAccount(40);
    let writes = 0;
    const { dir } = watchBlobs(account.blobs, (operation) => {
      if (operation === 'write' && ++writes === write) throw new Error('killed');
    });
    await expect(compactLog({ ...account, blobs: dir, sequenceId: 35n, segments })).rejects.toThrow('killed');
    expect(await readAll(account.log, account.blobs)).toEqual(accountOf(40));
    await compactAt(account, 35n, segments);
    expect(await readAll(account.log, account.blobs)).toEqual(accountOf(40));
  });

  test('attempts that overlap write the same blobs', async () => {
    const account = await newAccount(40);
    const [one, other] = await Promise.all([1, 2].map(() => compactLog({ ...account, sequenceId: 35n, segments })));
    expect(one).toEqual(other);
    expect(await blobNames(account.blobs, 'segment-')).toHaveLength(9);
  });

  test.each([0n, 10n])('by a truncation under its feet goes on with what the log still holds (history until %d)', async (until) => {
    const account = await newAccount(40);
    if (until > 0n) await compactAt(account, until, segments);
    const read = storedEntriesOf(account.log);
    let reads = 0;
    const { start, history } = await archiveEntries({
      ...segments,
      blobs: account.blobs,
      first: until,
      newest: await account.log.lastHistory(),
      to: 35n,
      async entries(from, to) {
        if (++reads === 3) await account.log.truncate(28n);
        return read(from, to);
      },
    });
    expect(start).toBe(28n);
    await account.log.setMetadata(35n, { history });
    await account.log.truncate(35n);
    expect(await readAll(account.log, account.blobs)).toEqual(accountOf(40).slice(28));
  });

  test('by a truncation past its entry fails as a snapshot does', async () => {
    const account = await newAccount(40);
    const entries = async (from: bigint, to: bigint) => {
      await account.log.truncate(38n);
      return storedEntriesOf(account.log)(from, to);
    };
    await expect(compactLog({ ...account, sequenceId: 35n, entries })).rejects.toThrow(SequenceRangeError);
  });
});

// --- Model: an array of everything that was ever appended, and where somebody truncated by hand.

type Step = { kind: 'append'; entries: BankEntry[] } | { kind: 'snapshot' | 'compact' | 'truncate' | 'compact-and-keep'; at: number };
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('append' as const), entries: fc.array(anyBankEntry, { minLength: 1, maxLength: 15 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('snapshot' as const, 'compact' as const, 'compact' as const, 'compact-and-keep' as const, 'truncate' as const),
      at: fc.nat(1_000),
    }),
  },
);

async function play(steps: readonly Step[], pageSize: number) {
  const log: MemoryEventLog<BankEntry & LogEntry> = createMemoryEventLog({ pageSize });
  const blobs = await newBlobs();
  const account = { log, blobs, logType: bankAccount };
  const appended: BankEntry[] = [];
  let start = 0n;
  for (const step of steps) {
    const { startSequenceId: first } = await log.query('start', 0n);
    if (step.kind === 'append') {
      await log.addEntries(step.entries, BigInt(appended.length));
      appended.push(...step.entries);
      continue;
    }
    const held = BigInt(appended.length) - first;
    if (held === 0n) continue;
    const at = first + (BigInt(step.at) % held);
    const readable = withHistory(account);
    const snapshot = await takeSnapshot({ ...account, log: readable, sequenceId: at });
    await log.setMetadata(at, { snapshot });
    if (step.kind === 'compact') {
      await compactAt(account, at);
    } else if (step.kind === 'compact-and-keep') {
      const { history } = await compactLog({ ...account, sequenceId: at, segments: { segmentEntries: 5, rootSegments: 2 } });
      if (history !== undefined) await log.setMetadata(at, { history });
      await log.truncate(first + (at - first) / 2n);
    } else if (step.kind === 'truncate') {
      await log.truncate(at);
    }
    const newest = await log.lastHistory();
    start = newest ? (await readHistoryRoot(blobs, newest.blobId)).start : (await log.query('start', 0n)).startSequenceId;
  }
  return { ...account, appended, start };
}

test('any sequence of appends, snapshots, compactions and truncations: what can be read is what was appended, and every state is its fold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 2, maxLength: 20 }),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      async (steps, pageSize, cached) => {
        const { log, blobs, appended, start } = await play(steps, pageSize);
        expect(await readAll(log, blobs)).toEqual(appended.slice(Number(start)));
        const readable = withHistory({ log, blobs, ...(cached ? { cache: createSnapshotCache() } : {}) });
        for (let at = start; at <= BigInt(appended.length); at += 1n) {
          const read = await readState({ log: readable, blobs, logType: bankAccount, at }).catch((error) => error);
          // Before the first snapshot of a history that somebody cut off, there is no state.
          if (!(start > 0n && read instanceof HistoryGoneError)) {
            expect(read).toEqual({ state: fold(appended.slice(0, Number(at))), sequenceId: at });
          }
        }
        expect((await readState({ log: readable, blobs, logType: bankAccount })).state).toEqual(fold(appended));
      },
    ),
    { numRuns: 120 },
  );
});

test('a sheet at any time is the fold of its entries until then', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anySheetEntry, { minLength: 2, maxLength: 40 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      async (entries, cuts, some) => {
        const log = createMemoryEventLog<(typeof entries)[number]>();
        const blobs = await newBlobs();
        await log.addEntries(entries, 0n);
        for (const cut of cuts.map((number) => BigInt(number % entries.length)).sort((a, b) => Number(a - b))) {
          await compactAt({ log, blobs, logType: sheet }, cut);
        }
        const at = BigInt(some % (entries.length + 1));
        const opened = await openSheet({ log: withHistory({ log, blobs }), blobs, at });
        expect(await contentOf(opened, { rows: ROWS, columns: COLUMNS })).toEqual(expectedContent(entries.slice(0, Number(at))));
      },
    ),
    { numRuns: 60 },
  );
});
