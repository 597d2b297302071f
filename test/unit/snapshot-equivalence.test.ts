import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { defineLogType } from '../../src/event-log/define-log-type.ts';
import type { LogEntry } from '../../src/event-log/event-log.ts';
import type { LogType } from '../../src/event-log/log-type.ts';
import { createSnapshotCache } from '../../src/snapshots/cache.ts';
import { readState } from '../../src/snapshots/read-state.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { openSheet } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { applyBankEntry, type BankAccount, type BankEntry, bankAccount, bankEntry } from '../support/bank-account.ts';
import { anyBankEntry, anySheetEntry, COLUMNS, contentOf, expectedContent, newBlobs, newLog, ROWS } from './snapshot-fixtures.ts';

/** Where snapshots are taken and with which options, and what is truncated, as fractions of the log's length. */
const anyPlan = fc.record({
  snapshots: fc.array(fc.record({ at: fc.nat(1_000), chunkEntries: fc.integer({ min: 1, max: 30 }), cached: fc.boolean() }), {
    maxLength: 5,
  }),
  truncateAt: fc.option(fc.nat(4), { nil: undefined }),
  pageSize: fc.integer({ min: 1, max: 20 }),
  newVersion: fc.boolean(),
});
type Plan = typeof anyPlan extends fc.Arbitrary<infer T> ? T : never;

/** Takes the snapshots in order of their sequence ids, as workers do, then truncates at one of them. */
async function carryOut<EntryT extends LogEntry, StateT>(
  logType: LogType<EntryT, StateT>,
  entries: readonly EntryT[],
  { snapshots, truncateAt, pageSize }: Plan,
) {
  const log = await newLog<EntryT>(entries, pageSize);
  const blobs = await newBlobs();
  const cache = createSnapshotCache();
  const points = snapshots
    .map(({ at, ...rest }) => ({ at: BigInt(at % entries.length), ...rest }))
    .sort((one, other) => Number(one.at - other.at));
  for (const { at, chunkEntries, cached } of points) {
    const snapshot = await takeSnapshot({ log, blobs, logType, sequenceId: at, chunkEntries, cache: cached ? cache : undefined });
    await log.setMetadata(at, { snapshot });
  }
  const cut = truncateAt === undefined ? undefined : points[truncateAt]?.at;
  if (cut !== undefined) {
    await log.truncate(cut);
  }
  return { log, blobs, start: cut ?? 0n };
}

function fold(entries: readonly BankEntry[]): BankAccount {
  return entries.reduce(applyBankEntry, bankAccount.initial());
}

test('a bank account: snapshot and tail equal a full replay, at every sequence id that the log still holds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyBankEntry, { minLength: 1, maxLength: 60 }), anyPlan, async (entries, plan) => {
      const { log, blobs, start } = await carryOut(bankAccount, entries, plan);
      for (let at = start; at <= BigInt(entries.length); at += 1n) {
        const expected = fold(entries.slice(0, Number(at)));
        expect(await readState({ log, blobs, logType: bankAccount, at })).toEqual({ state: expected, sequenceId: at });
      }
    }),
    { numRuns: 150 },
  );
});

test('a sheet: snapshot and tail equal a full replay, at the end and at a random sequence id', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anySheetEntry, { minLength: 1, maxLength: 60 }), anyPlan, fc.nat(), async (entries, plan, some) => {
      const { log, blobs, start } = await carryOut(sheet, entries, plan);
      const between = start + BigInt(some % (entries.length + 1 - Number(start)));
      for (const at of [undefined, between]) {
        const opened = await openSheet({ log, blobs, at });
        expect(opened.sequenceId).toBe(at ?? BigInt(entries.length));
        expect(await contentOf(opened, { rows: ROWS, columns: COLUMNS })).toEqual(
          expectedContent(entries.slice(0, Number(opened.sequenceId))),
        );
      }
    }),
    { numRuns: 150 },
  );
});

test('after a change of the version nothing of the old snapshots is used: the state is that of the new fold', async () => {
  const countingTwice = defineLogType({
    type: 'bank-account',
    version: 2,
    entry: bankEntry,
    initial: bankAccount.initial,
    apply: (state, entry) => applyBankEntry(applyBankEntry(state, entry), entry),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anyBankEntry, { minLength: 1, maxLength: 40 }), anyPlan, fc.nat(), async (entries, plan, some) => {
      const { log, blobs } = await carryOut(bankAccount, entries, { ...plan, truncateAt: undefined });
      const at = BigInt(some % entries.length);
      const twice = entries.flatMap((entry) => [entry, entry]);
      const before = fold(twice.slice(0, 2 * Number(at)));
      await log.setMetadata(at, { snapshot: await takeSnapshot({ log, blobs, logType: countingTwice, sequenceId: at }) });
      expect((await readState({ log, blobs, logType: countingTwice, at })).state).toEqual(before);
      expect((await readState({ log, blobs, logType: countingTwice })).state).toEqual(fold(twice));
    }),
    { numRuns: 100 },
  );
});
