/**
 * Any interleaving of edits by several clients, snapshots, compactions, truncations, lost connections and spoiled answers ends with all clients
 * equal to the fold of all entries; no edit is in the log twice, none that was confirmed is missing, and no cell is shown and then not. What was
 * archived stays readable, and clients may read it.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import type { LogMetadata } from '../../src/event-log/event-log.ts';
import { createMemoryEventLog, type MemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import { compactLog } from '../../src/history/compact-log.ts';
import { withHistory } from '../../src/history/with-history.ts';
import type { LiveSheet } from '../../src/live-sheet/types.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { openSheet, type SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { cellsOf, type Trouble, troubledLog, watchShownCells } from '../support/live-sheets.ts';
import { until } from '../support/until.ts';
import { readAll } from './history-fixtures.ts';
import { contentOf, expectedContent, modelOf, newBlobs, openAt } from './snapshot-fixtures.ts';

const CLIENTS = 3;
/** Two rows of tiles, two columns of them. */
const places = [
  [0, 0],
  [0, 1],
  [127, 15],
  [128, 15],
  [128, 16],
  [130, 20],
] as const;
const area = { rows: 140, columns: 24 };
const everything = { row: 0, column: 0, rowCount: area.rows, columnCount: area.columns };

const client = fc.nat(CLIENTS - 1);
const trouble = fc.constantFrom<Trouble>('before', 'after', 'never');
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('edit' as const), client, place: fc.nat(places.length - 1), isEmpty: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('range' as const), client, place: fc.nat(places.length - 1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('snapshot' as const, 'compact' as const), isAwaited: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'truncate' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('trouble' as const), client, call: fc.constantFrom('append', 'query'), kind: trouble }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('join' as const), client }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(3) }) },
);
const options = fc.record({
  conflict: fc.constantFrom('overwrite' as const, 'report' as const),
  maxOverlayBytes: fc.constantFrom(0, 2_000, 1_000_000),
  pageSize: fc.constantFrom(2, 100),
  /** Whether clients read what was archived, or open again behind it. */
  readsHistory: fc.boolean(),
});

/** What workers do to a log, one unit after another, and a person beside them. */
function workOf(log: MemoryEventLog<SheetEntry & LogMetadata>, blobs: BlobDir, next: () => bigint) {
  let running: Promise<void> = Promise.resolve();

  async function run(workflow: 'snapshot' | 'compact'): Promise<void> {
    const { startSequenceId: first } = await log.query('start', 0n);
    const sequenceId = next() - 1n;
    if (sequenceId < first) return;
    await log.setMetadata(sequenceId, { pending: workflow });
    if (workflow === 'snapshot') {
      const snapshot = await takeSnapshot({ log: withHistory({ log, blobs }), blobs, logType: sheet, sequenceId });
      await log.completeWorkflow(sequenceId, workflow, { snapshot });
      return;
    }
    const segments = { segmentEntries: 3, rootSegments: 2 };
    const { snapshot, history } = await compactLog({ log, blobs, logType: sheet, sequenceId, segments });
    await log.completeWorkflow(sequenceId, workflow, { snapshot, ...(history === undefined ? {} : { history }) });
    await log.truncate(sequenceId);
  }

  return {
    add(workflow: 'snapshot' | 'compact'): Promise<void> {
      running = running.then(() => run(workflow));
      running.catch(() => {}); // awaited at the end
      return running;
    },
    /** By hand: nothing is archived. */
    async truncate(): Promise<void> {
      const { startSequenceId } = await log.query('snapshot', 0n);
      await log.truncate(startSequenceId);
    },
    ended: () => running,
  };
}

/** From where somebody truncated it by hand, or from its beginning. */
async function expectReadable(log: MemoryEventLog<SheetEntry & LogMetadata>, blobs: BlobDir, all: readonly SheetEntry[]): Promise<void> {
  const read = await readAll(log, blobs);
  expect(read).toEqual(all.slice(all.length - read.length));
  const at = BigInt(all.length) - BigInt(read.length >> 1);
  const { cells } = await contentOf(await openAt(withHistory({ log, blobs }), blobs, at), area);
  expect(cells).toEqual(modelOf(all.slice(0, Number(at))));
}

test('ends with all clients equal to the fold of all entries', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), options, async (steps, chosen) => {
      const { conflict, maxOverlayBytes, pageSize, readsHistory } = chosen;
      const log = createMemoryEventLog<SheetEntry & LogMetadata>({ pageSize });
      const blobs = await newBlobs();
      /** Every entry there ever was: the log is truncated. */
      const all: SheetEntry[] = [];
      const recorded: MemoryEventLog<SheetEntry & LogMetadata> = {
        ...log,
        async addEntries(entries, sequenceId) {
          const value = await log.addEntries(entries, sequenceId);
          all.push(...entries);
          return value;
        },
      };
      const work = workOf(log, blobs, () => BigInt(all.length));
      const isCut = new Array<boolean>(CLIENTS).fill(false);
      const troubles: { call: string; kind: Trouble }[][] = Array.from({ length: CLIENTS }, () => []);
      const clients: LiveSheet[] = [];
      const watched: { lost: string[] }[] = [];
      for (let index = 0; index < CLIENTS; index += 1) {
        const own: SheetLog = troubledLog(recorded, (call) => {
          if (isCut[index]) return 'before';
          const at = troubles[index]?.findIndex((planned) => planned.call === call) ?? -1;
          return at < 0 ? undefined : troubles[index]?.splice(at, 1)[0]?.kind;
        });
        clients.push(
          await openSheet({
            log: readsHistory ? withHistory({ log: { ...own, lastHistory: recorded.lastHistory }, blobs }) : own,
            blobs,
            live: true,
            conflict,
            maxOverlayBytes,
            viewport: everything,
            pollMs: 5,
            retryMs: 1,
            requestTimeoutMs: 15,
          }),
        );
        watched.push(watchShownCells(clients[index] as LiveSheet, area));
      }
      const outcomes: Promise<{ value: string; confirmed?: bigint; code?: string }>[] = [];
      const note = (value: string, edit: Promise<bigint>) =>
        void outcomes.push(
          edit.then(
            (confirmed) => ({ value, confirmed }),
            ({ code }) => ({ value, code }),
          ),
        );
      try {
        for (const [index, taken] of steps.entries()) {
          switch (taken.do) {
            case 'edit': {
              const [row, column] = places[taken.place] as (typeof places)[number];
              const sheetOf = clients[taken.client] as LiveSheet;
              // What a client wrote says whose it was and which of them.
              if (taken.isEmpty) note('', sheetOf.setCell(row, column, null));
              else note(`e${index}`, sheetOf.setCell(row, column, `e${index}`));
              break;
            }
            case 'range': {
              const [row, column] = places[taken.place] as (typeof places)[number];
              const line = [`e${index}`, `e${index}`];
              note(`e${index}`, (clients[taken.client] as LiveSheet).setRange(row, column, [line, line]));
              break;
            }
            case 'snapshot':
            case 'compact': {
              const ended = work.add(taken.do);
              if (taken.isAwaited) await ended;
              break;
            }
            case 'truncate':
              await work.truncate();
              break;
            case 'trouble':
              troubles[taken.client]?.push({ call: taken.call, kind: taken.kind });
              break;
            case 'cut':
              isCut[taken.client] = true;
              break;
            case 'join':
              isCut[taken.client] = false;
              break;
            case 'wait':
              await new Promise((resolve) => setTimeout(resolve, taken.ms));
          }
        }
        isCut.fill(false);
        for (const planned of troubles) planned.length = 0;
        const [ended] = await Promise.all([Promise.all(outcomes), work.ended()]);
        await until(
          'all clients have seen all of it',
          () => clients.every(({ view }) => view.sequenceId === BigInt(all.length) && view.sync.waitingEdits === 0 && view.load.isComplete),
          5_000,
        );
        const expected = modelOf(all);
        for (const [index, { view }] of clients.entries()) {
          expect(cellsOf(view, area)).toEqual(expected);
          expect(view.counts).toEqual({ ...expectedContent(all).counts, isExact: true });
          expect(watched[index]?.lost.slice(0, 3)).toEqual([]);
        }
        await expectReadable(log, blobs, all);
        for (const { value, confirmed, code } of ended) {
          if (confirmed !== undefined) expect(JSON.stringify(all[Number(confirmed)])).toContain(value === '' ? 'null' : `"${value}"`);
          else expect(['cell_conflict', 'edit_unconfirmed']).toContain(code);
          if (code === 'cell_conflict') expect(conflict).toBe('report');
          if (value !== '') {
            const written = all.filter((entry) => JSON.stringify(entry).includes(`"${value}"`)).length;
            expect(written, `${value} is in the log`).toBeLessThanOrEqual(1);
            if (code === 'cell_conflict') expect(written).toBe(0);
          }
        }
      } finally {
        await Promise.all(clients.map((opened) => opened.close()));
      }
    }),
    { numRuns: 100 },
  );
});
