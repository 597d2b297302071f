import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BlobNotFoundError, CorruptBlobError, HistoryGoneError, SequenceRangeError, type TidemarkError } from '../../src/errors.ts';
import { defineLogType } from '../../src/event-log/define-log-type.ts';
import type { SnapshotValue } from '../../src/event-log/event-log.ts';
import { NO_SNAPSHOT } from '../../src/snapshots/find-base.ts';
import { readState } from '../../src/snapshots/read-state.ts';
import { type SnapshotProgress, takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { TILE_COLUMNS, TILE_ROWS } from '../../src/spreadsheet/tile.ts';
import { applyBankEntry, type BankEntry, bankAccount, bankEntry, bankEntryFor } from '../support/bank-account.ts';
import {
  blobNames,
  cell,
  contentOf,
  expectedContent,
  newBlobs,
  newLog,
  openAt,
  snapshotAt,
  watchBlobs,
  withQueries,
} from './snapshot-fixtures.ts';

const bankEntries = (count: number) => Array.from({ length: count }, (_, index) => bankEntryFor(index));
const fold = (entries: readonly BankEntry[]) => entries.reduce(applyBankEntry, bankAccount.initial());
const account = { logType: bankAccount };

/** What a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.unreachable('it did not fail'),
    (error) => error as Error,
  );
}

describe('where a fold begins', () => {
  test('the second snapshot of a sheet keeps every cell of the first', async () => {
    const entries = [cell(0, 0, 'first'), cell(500, 30, 1), cell(0, 1, 'second'), cell(0, 0, null)];
    const log = await newLog(entries);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 2n });
    await snapshotAt({ log, blobs, logType: sheet, sequenceId: 3n });
    await log.truncate(3n);
    const opened = await openAt(log, blobs, 3n);
    expect(await contentOf(opened, { rows: 600, columns: 40 })).toEqual(expectedContent(entries.slice(0, 3)));
  });

  test('entries before the newest snapshot are not read again', async () => {
    const entries = bankEntries(500);
    const log = await newLog(entries, 100);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, ...account, sequenceId: 450n });
    const starts: unknown[] = [];
    await takeSnapshot({ log: withQueries(log, (start) => void starts.push(start)), blobs, ...account, sequenceId: 499n });
    expect(starts).toEqual(['snapshot']);
  });

  test('a log of one page costs one query, and none where the caller has it already', async () => {
    const entries = bankEntries(100);
    const log = await newLog(entries);
    let queries = 0;
    const counted = withQueries(log, () => {
      queries += 1;
    });
    const first = await takeSnapshot({ log: counted, blobs: await newBlobs(), ...account, sequenceId: 99n });
    expect(queries).toBe(1);
    const prefetched = await log.query('snapshot', 99n, NO_SNAPSHOT);
    expect(await takeSnapshot({ log: counted, blobs: await newBlobs(), ...account, sequenceId: 99n, prefetched })).toBe(first);
    expect(queries).toBe(1);
  });

  test('an older unit that is delivered again makes the same snapshot again, whatever is newer', async () => {
    const entries = bankEntries(3_000);
    const log = await newLog(entries, 100);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, ...account, sequenceId: 100n });
    const older = await takeSnapshot({ log, blobs, ...account, sequenceId: 1_900n });
    await snapshotAt({ log, blobs, ...account, sequenceId: 2_900n });
    let queried = 0;
    const again = await takeSnapshot({
      log: withQueries(log, () => {
        queried += 1;
      }),
      blobs,
      ...account,
      sequenceId: 1_900n,
    });
    expect(again).toBe(older);
    expect(queried).toBeGreaterThan(1);
    expect((await readState({ log, blobs, ...account, at: 1_900n })).state).toEqual(fold(entries.slice(0, 1_900)));
  });

  test('an older unit finds its snapshot however far back it is, and where the log was truncated before it', async () => {
    const entries = bankEntries(6_000);
    const log = await newLog(entries, 1_000);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, ...account, sequenceId: 120n });
    await snapshotAt({ log, blobs, ...account, sequenceId: 5_900n });
    await log.truncate(100n);
    const expected = await takeSnapshot({ log: await newLog(entries), blobs: await newBlobs(), ...account, sequenceId: 5_000n });
    expect(await takeSnapshot({ log, blobs, ...account, sequenceId: 5_000n })).toBe(expected);
  });

  test('an entry that has its snapshot already gets the same one, without a fold', async () => {
    const log = await newLog(bankEntries(50));
    const blobs = await newBlobs();
    const done = await snapshotAt({ log, blobs, ...account, sequenceId: 20n });
    const { dir, writes } = watchBlobs(blobs);
    expect(await takeSnapshot({ log, blobs: dir, ...account, sequenceId: 20n })).toBe(done);
    expect(writes).toEqual([]);
  });

  test('a snapshot at the very end of the log, and of nothing at all', async () => {
    const entries = bankEntries(10);
    const log = await newLog(entries);
    const blobs = await newBlobs();
    expect(await takeSnapshot({ log, blobs, ...account, sequenceId: 10n })).toMatch(/^state-v1-10-/);
    expect(await takeSnapshot({ log, blobs, ...account, sequenceId: 0n })).toMatch(/^state-v1-0-/);
  });
});

describe('another version of the log type', () => {
  const entries = bankEntries(300);
  const nextVersion = defineLogType({
    type: 'bank-account',
    version: 2,
    entry: bankEntry,
    initial: bankAccount.initial,
    apply: (state, entry) => ({ ...applyBankEntry(state, entry), refused: -1 }),
  });

  test('rebuilds from the first entry on', async () => {
    const log = await newLog(entries, 50);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, ...account, sequenceId: 100n });
    await snapshotAt({ log, blobs, ...account, sequenceId: 200n });
    await snapshotAt({ log, blobs, logType: nextVersion, sequenceId: 250n });
    expect((await readState({ log, blobs, logType: nextVersion, at: 250n })).state).toEqual({
      ...fold(entries.slice(0, 250)),
      refused: -1,
    });
  });

  test('reads none of the snapshots of the other version', async () => {
    const log = await newLog(entries, 50);
    const { dir, reads } = watchBlobs(await newBlobs());
    for (const sequenceId of [50n, 100n, 150n]) await snapshotAt({ log, blobs: dir, ...account, sequenceId });
    reads.length = 0;
    await takeSnapshot({ log, blobs: dir, logType: nextVersion, sequenceId: 250n });
    expect(reads).toEqual([]);
  });

  test('an older snapshot of its own version is used where the newest is of another', async () => {
    const log = await newLog(entries, 50);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, ...account, sequenceId: 200n });
    await snapshotAt({ log, blobs, logType: nextVersion, sequenceId: 220n });
    await log.truncate(150n);
    expect((await readState({ log, blobs, ...account })).state).toEqual(fold(entries));
  });

  test('is an error, never a fold from empty, where the entries are gone', async () => {
    const log = await newLog(entries, 50);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, ...account, sequenceId: 200n });
    await log.truncate(200n);
    await expect(takeSnapshot({ log, blobs, logType: nextVersion, sequenceId: 299n })).rejects.toThrow(HistoryGoneError);
  });
});

describe('a truncated log', () => {
  test('without a snapshot that stands for what is gone is an error that cannot be retried', async () => {
    const log = await newLog(bankEntries(100));
    await log.truncate(40n);
    const error = await failure(takeSnapshot({ log, blobs: await newBlobs(), ...account, sequenceId: 60n }));
    expect(error).toBeInstanceOf(HistoryGoneError);
    expect((error as TidemarkError).retryable).toBe(false);
  });

  test('whose only snapshots are newer than asked for is the same error', async () => {
    const log = await newLog(bankEntries(100));
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, ...account, sequenceId: 80n });
    await log.truncate(40n);
    await expect(takeSnapshot({ log, blobs, ...account, sequenceId: 60n })).rejects.toThrow(HistoryGoneError);
  });

  test('truncated past what is asked for, or not that long yet, names the bounds', async () => {
    const log = await newLog(bankEntries(100));
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, ...account, sequenceId: 80n });
    await log.truncate(80n);
    for (const sequenceId of [60n, 101n]) {
      const error = await failure(takeSnapshot({ log, blobs, ...account, sequenceId }));
      expect(error).toBeInstanceOf(SequenceRangeError);
      expect(error.message).toContain(`${sequenceId} is outside this log, which holds [80, 100)`);
    }
  });

  test('truncated underneath the fold, it starts again from the newest snapshot', async () => {
    const entries = bankEntries(1_000);
    const log = await newLog(entries, 100);
    const blobs = await newBlobs();
    let queries = 0;
    const truncating = withQueries(log, async () => {
      queries += 1;
      if (queries === 4) {
        await snapshotAt({ log, blobs, ...account, sequenceId: 700n });
        await log.truncate(700n);
      }
    });
    const blobId = await takeSnapshot({ log: truncating, blobs, ...account, sequenceId: 900n });
    await log.setMetadata(900n, { snapshot: blobId });
    expect((await readState({ log, blobs, ...account, at: 900n })).state).toEqual(fold(entries.slice(0, 900)));
    expect(queries).toBeGreaterThan(5);
  });
});

describe('chunks', () => {
  const entries = bankEntries(1_000);

  async function untilKilled(chunks: number) {
    const log = await newLog(entries, 64);
    const blobs = await newBlobs();
    let resume: SnapshotValue | undefined;
    let count = 0;
    const killed = takeSnapshot({
      log,
      blobs,
      ...account,
      sequenceId: 990n,
      chunkEntries: 100,
      onProgress: (progress) => {
        count += 1;
        resume = progress.resume;
        if (count === chunks) {
          throw new Error('killed');
        }
      },
    });
    await expect(killed).rejects.toThrow('killed');
    return { log, blobs, resume };
  }

  test('each ends in a manifest that the next attempt goes on from: no entry before it is read again', async () => {
    const { log, blobs, resume } = await untilKilled(7);
    expect(resume?.sequenceId).toBe(700n);
    const starts: unknown[] = [];
    const blobId = await takeSnapshot({
      log: withQueries(log, (start) => void starts.push(start)),
      blobs,
      ...account,
      sequenceId: 990n,
      resume,
    });
    expect(starts.filter((start) => typeof start !== 'bigint' || start < 700n)).toEqual([]);
    expect(blobId).toBe(await takeSnapshot({ log: await newLog(entries), blobs: await newBlobs(), ...account, sequenceId: 990n }));
  });

  test('a manifest that is gone, corrupt, older than a snapshot or too new is no hindrance', async () => {
    const { log, blobs, resume } = await untilKilled(3);
    if (!resume) return expect.unreachable();
    const expected = await takeSnapshot({ log, blobs: await newBlobs(), ...account, sequenceId: 990n });
    const attempt = (given: SnapshotValue, sequenceId = 990n) => takeSnapshot({ log, blobs, ...account, sequenceId, resume: given });
    expect(await attempt({ sequenceId: 300n, blobId: resume.blobId.replace(/[0-9a-f]{8}\.gz$/, '00000000.gz') })).toBe(expected);
    await blobs.writeBlob(resume.blobId, new Uint8Array([1, 2, 3]));
    expect(await attempt(resume)).toBe(expected);
    const older = await takeSnapshot({ log, blobs, ...account, sequenceId: 200n });
    expect(await attempt(resume, 200n)).toBe(older);
    await snapshotAt({ log, blobs, ...account, sequenceId: 500n });
    const starts: unknown[] = [];
    const counted = withQueries(log, (start, end) => void (start !== end && starts.push(start)));
    const overtaken = { sequenceId: 200n, blobId: older };
    expect(await takeSnapshot({ log: counted, blobs, ...account, sequenceId: 990n, resume: overtaken })).toBe(expected);
    expect(starts.slice(1)).not.toContainEqual(264n);
    expect(starts).toContain('snapshot');
  });

  test('progress counts entries, blobs and bytes, and is awaited before the next chunk begins', async () => {
    const log = await newLog(entries);
    const { dir, writes } = watchBlobs(await newBlobs());
    const seen: SnapshotProgress[] = [];
    let isRecording = false;
    await takeSnapshot({
      log,
      blobs: dir,
      ...account,
      sequenceId: 1_000n,
      chunkEntries: 300,
      async onProgress(progress) {
        expect(isRecording).toBe(false);
        isRecording = true;
        await sleep(1);
        isRecording = false;
        seen.push(progress);
      },
      onFinish: (progress) => void seen.push(progress),
    });
    expect(seen.map(({ entries: done, total, blobsWritten }) => [done, total, blobsWritten])).toEqual([
      [300, 1_000, 1],
      [600, 1_000, 2],
      [900, 1_000, 3],
      [1_000, 1_000, 4],
    ]);
    expect(seen.at(-1)?.bytesWritten).toBe(writes.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  test('a sheet ends a chunk early when its writes fill the memory they may take', async () => {
    const log = await newLog(Array.from({ length: 200 }, (_, row) => cell(row, 0, 'x'.repeat(1_000))));
    let chunks = 0;
    await takeSnapshot({
      log,
      blobs: await newBlobs(),
      logType: sheet,
      sequenceId: 200n,
      chunkBytes: 50_000,
      onProgress: () => {
        chunks += 1;
      },
    });
    expect(chunks).toBeGreaterThan(5);
  });

  test('a slow fold ends a chunk after a time', async () => {
    const slow = defineLogType({
      type: 'slow',
      version: 1,
      entry: bankEntry,
      initial: () => 0,
      apply: (state) => {
        for (const end = performance.now() + 1; performance.now() < end; );
        return state + 1;
      },
    });
    let chunks = 0;
    await takeSnapshot({
      log: await newLog(bankEntries(300)),
      blobs: await newBlobs(),
      logType: slow,
      sequenceId: 300n,
      chunkMs: 60,
      onProgress: () => {
        chunks += 1;
      },
    });
    expect(chunks).toBeGreaterThanOrEqual(2);
  });
});

describe('the same log and sequence id make the same blobs', () => {
  const sheetEntries = Array.from({ length: 900 }, (_, index) =>
    cell((index * 7) % 400, (index * 13) % 50, index % 5 === 0 ? null : `v${index}`),
  );

  test.each([
    ['a bank account', bankAccount, bankEntries(900)],
    ['a sheet', sheet, sheetEntries],
    // biome-ignore lint/suspicious/noExplicitAny: two log types in one table
  ] as [string, any, any][])('%s: however it is cut into pages and chunks, and wherever it begins', async (_, logType, entries) => {
    const plain = await newBlobs();
    const expected = await takeSnapshot({ log: await newLog(entries), blobs: plain, logType, sequenceId: 800n });
    const log = await newLog(entries, 37);
    const blobs = await newBlobs();
    await snapshotAt({ log, blobs, logType, sequenceId: 123n });
    await snapshotAt({ log, blobs, logType, sequenceId: 555n, chunkEntries: 50 });
    expect(await takeSnapshot({ log, blobs, logType, sequenceId: 800n, chunkEntries: 91 })).toBe(expected);
    const names = new Set(await blobNames(blobs));
    for (const name of await blobNames(plain)) {
      expect(names).toContain(name);
      expect(await blobs.readBlob(name)).toEqual(await plain.readBlob(name));
    }
  });

  test('attempts that overlap write the same', async () => {
    const log = await newLog(sheetEntries, 50);
    const blobs = await newBlobs();
    const ids = await Promise.all(
      [300, 7, 64].map((chunkEntries) => takeSnapshot({ log, blobs, logType: sheet, sequenceId: 850n, chunkEntries })),
    );
    expect(new Set(ids).size).toBe(1);
    await log.setMetadata(850n, { snapshot: ids[0] });
    await log.truncate(850n);
    const opened = await openAt(log, blobs, 850n);
    expect(await contentOf(opened, { rows: 400, columns: 50 })).toEqual(expectedContent(sheetEntries.slice(0, 850)));
  });
});

describe('errors', () => {
  test('an unreadable snapshot that nothing can stand in for is named and not retried', async () => {
    const log = await newLog(bankEntries(100));
    const blobs = await newBlobs();
    const blobId = await snapshotAt({ log, blobs, ...account, sequenceId: 50n });
    const good = await blobs.readBlob(blobId);
    const damaged: [string, Uint8Array][] = [
      ['cut short', good.slice(0, good.length - 9)],
      ['another content', await blobs.readBlob(await takeSnapshot({ log, blobs, ...account, sequenceId: 40n }))],
      ['no gzip', new TextEncoder().encode('{}')],
    ];
    await log.truncate(50n);
    for (const [what, bytes] of damaged) {
      await blobs.writeBlob(blobId, bytes);
      const error = await failure(takeSnapshot({ log, blobs, ...account, sequenceId: 99n }));
      expect(error, what).toBeInstanceOf(CorruptBlobError);
      expect(error.message).toContain(blobId);
      expect((error as TidemarkError).retryable).toBe(false);
    }
    await blobs.removeBlob(blobId);
    await expect(takeSnapshot({ log, blobs, ...account, sequenceId: 99n })).rejects.toThrow(BlobNotFoundError);
    await log.setMetadata(50n, { snapshot: 'not-ours' });
    await expect(takeSnapshot({ log, blobs, ...account, sequenceId: 99n })).rejects.toThrow("Blob 'not-ours' cannot be used");
  });

  test('a fold that throws names the entry, keeps the cause and is not retried', async () => {
    const log = await newLog([...bankEntries(17), { type: 'Stolen', cents: 5 } as unknown as BankEntry, ...bankEntries(5)]);
    const error = await failure(takeSnapshot({ log, blobs: await newBlobs(), ...account, sequenceId: 20n }));
    expect(error).toMatchObject({
      code: 'fold_failed',
      retryable: false,
      cause: { message: "type 'Stolen' is no entry of a bank account" },
    });
    expect(error.message).toBe("Log type 'bank-account' cannot apply entry 17: type 'Stolen' is no entry of a bank account");
  });

  test('a fold that forgets to return the state is told so', async () => {
    const forgetful = defineLogType({
      type: 'forgetful',
      version: 1,
      entry: bankEntry,
      initial: () => ({ total: 0 }),
      apply: (() => {}) as never,
    });
    const log = await newLog(bankEntries(3));
    await expect(takeSnapshot({ log, blobs: await newBlobs(), logType: forgetful, sequenceId: 3n })).rejects.toThrow(
      'apply returned undefined',
    );
  });

  test.each([
    ['a Map', () => ({ members: new Map() }), 'a Map at .members'],
    ['a Date', () => ({ list: [{ at: new Date(0) }] }), 'a Date at .list[0].at'],
    ['a bigint', () => 3n, 'a value of type bigint at its top'],
    ['a number that is none', () => ({ mean: Number.NaN }), 'NaN at .mean'],
    ['a hole', () => ({ list: [undefined] }), 'a value of type undefined at .list[0]'],
  ] as [string, () => unknown, string][])(
    'a state that JSON does not keep is refused before it is written: %s',
    async (_, initial, where) => {
      const logType = defineLogType({ type: 'odd', version: 1, entry: bankEntry, initial, apply: (state) => state });
      const error = await failure(takeSnapshot({ log: await newLog(bankEntries(2)), blobs: await newBlobs(), logType, sequenceId: 2n }));
      expect(error).toMatchObject({ code: 'state_not_json', retryable: false });
      expect(error.message).toContain(where);
    },
  );

  test('errors of the blob store and of the log pass unchanged, so that they are retried', async () => {
    const disk = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    const log = await newLog(Array.from({ length: 50 }, (_, row) => cell(row * 200, 0, row)));
    const { dir } = watchBlobs(await newBlobs(), (operation) => {
      if (operation === 'write') throw disk;
    });
    expect(await failure(takeSnapshot({ log, blobs: dir, logType: sheet, sequenceId: 50n }))).toBe(disk);
    const connection = new Error('connection terminated');
    const cut = withQueries(log, () => {
      throw connection;
    });
    expect(await failure(takeSnapshot({ log: cut, blobs: await newBlobs(), logType: sheet, sequenceId: 50n }))).toBe(connection);
  });

  test('a page that fails while an earlier one is folded leaves no unhandled rejection', async () => {
    let queries = 0;
    const log = withQueries(await newLog(bankEntries(500), 50), () => {
      queries += 1;
      if (queries === 3) throw new Error('connection terminated');
    });
    const blobs = await newBlobs();
    await expect(takeSnapshot({ log, blobs, ...account, sequenceId: 500n, chunkEntries: 60, onProgress: () => sleep(5) })).rejects.toThrow(
      'terminated',
    );
  });

  test('nothing refers to a blob that was not written: the root comes last', async () => {
    const log = await newLog(
      Array.from({ length: 400 }, (_, index) => cell((index % 20) * TILE_ROWS, Math.floor(index / 20) * TILE_COLUMNS, index)),
    );
    const { dir, writes } = watchBlobs(await newBlobs());
    const root = await takeSnapshot({ log, blobs: dir, logType: sheet, sequenceId: 400n });
    expect(writes.at(-1)?.name).toBe(root);
    expect(writes.filter(({ name }) => name.startsWith('tile-'))).toHaveLength(400);
    expect(writes.findIndex(({ name }) => name.startsWith('page-'))).toBe(400);
  });
});

describe('a signal', () => {
  test('stops a fold between pages, and a write between tiles', async () => {
    const entries = Array.from({ length: 3_000 }, (_, index) => cell(index * 130, 0, index));
    const log = await newLog(entries, 100);
    for (const stopAt of ['query', 'write'] as const) {
      const controller = new AbortController();
      let after = 0;
      const noted = () => {
        after += controller.signal.aborted ? 1 : 0;
      };
      const { dir, writes } = watchBlobs(await newBlobs(), (operation) => {
        noted();
        if (stopAt === operation) controller.abort(new Error('shutting down'));
      });
      const watched = withQueries(log, (start) => {
        noted();
        if (stopAt === 'query' && start === 500n) controller.abort(new Error('shutting down'));
      });
      const error = await failure(
        takeSnapshot({ log: watched, blobs: dir, logType: sheet, sequenceId: 3_000n, signal: controller.signal }),
      );
      expect(error.message).toBe('shutting down');
      // Sixteen blobs are on their way at most.
      expect(after, 'what was under way may end, nothing more begins').toBeLessThan(20);
      expect(writes.length).toBeLessThan(20);
    }
  });

  test('that is aborted before anything began lets nothing be written', async () => {
    const { dir, writes } = watchBlobs(await newBlobs());
    const log = await newLog(bankEntries(5));
    await expect(
      takeSnapshot({ log, blobs: dir, ...account, sequenceId: 5n, signal: AbortSignal.abort(new Error('stop')) }),
    ).rejects.toThrow('stop');
    expect(writes).toEqual([]);
  });
});

describe('the event loop turns at least every 200 ms', () => {
  /** The mean, in ms of processor time: a garbage collection may make a single turn longer through no fault of ours, and a busy machine all of them. */
  async function meanTurn(work: () => Promise<unknown>): Promise<number> {
    let turns = 1;
    const ticker = setInterval(() => {
      turns += 1;
    }, 1);
    const start = process.cpuUsage();
    await work();
    clearInterval(ticker);
    const { user, system } = process.cpuUsage(start);
    const total = (user + system) / 1_000;
    expect(total, 'or there is nothing to see').toBeGreaterThan(300);
    return total / turns;
  }
  const pageOf = <T>(entries: T[]) => ({ startSequenceId: 0n, endSequenceId: BigInt(entries.length), isComplete: true, entries });

  const valuesOf = (index: number) =>
    Array.from({ length: 128 }, (_, row) => Array.from({ length: 320 }, (_, column) => row * column + index));
  const ranges = Array.from(
    { length: 100 },
    (_, index): SheetEntry => ({ type: 'SetCellRange', row: index * 128, column: 0, values: valuesOf(index) }),
  );

  test('while a page of large entries is folded and written', async () => {
    const log = await newLog<SheetEntry>([]);
    const blobs = await newBlobs();
    const prefetched = pageOf(ranges);
    const mean = await meanTurn(() => takeSnapshot({ log, blobs, logType: sheet, sequenceId: BigInt(ranges.length), prefetched }));
    expect(mean).toBeLessThan(150);
  });

  test('while very many tiles are written', async () => {
    const state = ranges.reduce((folded, entry) => sheet.apply(folded, entry, 0n), sheet.initial());
    const blobs = await newBlobs();
    const mean = await meanTurn(() => sheet.snapshots.write(blobs, BigInt(ranges.length), state, { typeVersion: 1 }));
    expect(mean).toBeLessThan(150);
  });

  test('while a page of entries is folded slowly', async () => {
    const slow = defineLogType({
      type: 'slow',
      version: 1,
      entry: bankEntry,
      initial: () => 0,
      apply: (state) => {
        for (const end = performance.now() + 2; performance.now() < end; );
        return state + 1;
      },
    });
    const log = await newLog<BankEntry>([]);
    const blobs = await newBlobs();
    const mean = await meanTurn(() => takeSnapshot({ log, blobs, logType: slow, sequenceId: 300n, prefetched: pageOf(bankEntries(300)) }));
    expect(mean).toBeLessThan(150);
  });
});

test('stored entries of an older shape are brought up to date before the fold', async () => {
  const renamed = defineLogType({
    type: 'renamed',
    version: 2,
    entry: z.object({ type: z.literal('Added'), by: z.number() }),
    initial: () => ({ total: 0 }),
    apply: (state, { by }) => ({ total: state.total + by }),
    upcast: (stored) => ({ type: 'Added', by: (stored.by ?? stored.amount) as number }),
  });
  const log = await newLog<{ type: 'Added'; by: number }>([{ type: 'Added', amount: 3 } as never, { type: 'Added', by: 4 }]);
  expect((await readState({ log, blobs: await newBlobs(), logType: renamed })).state).toEqual({ total: 7 });
});
