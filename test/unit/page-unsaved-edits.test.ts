/** What a person has written and no log holds: while it is on its way, after they have left the sheet, and when somebody else signs in. */
import { expect, onTestFinished, test } from 'vitest';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import type { CellConflictError, TidemarkError } from '../../src/errors.ts';
import { createMemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import { ForbiddenError } from '../../src/http/refusals.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import type { Session } from '../../src/web/api-types.ts';
import { createStore } from '../../src/web/store.ts';
import { cellsToDecide, createUnsavedEdits } from '../../src/web/unsaved-edits.ts';
import { liveSheets, troubledLog, whenView } from '../support/live-sheets.ts';
import { until } from '../support/until.ts';

const sessionOf = (actor: string): Session => ({ actor, scopes: ['write'], auth: 'tokens', readOnly: false, schedules: false });

/** A page on which Ada is signed in, over a log that answers her appends only while `isUp`. */
async function createScene() {
  const log = createMemoryEventLog() as unknown as SheetLog;
  const blobs = await blobsOfLog(createMemoryBlobStore(), 'a');
  const open = liveSheets(onTestFinished);
  const network = { isUp: true };
  const hers = troubledLog(log, () => (network.isUp ? undefined : 'before'));
  const who = createStore<Session | 'nobody' | undefined>(sessionOf('ada'));
  const unsaved = createUnsavedEdits(who);
  const watch = async (by: SheetLog = hers) => unsaved.watch('budget', await open(by, blobs, { conflict: 'report' }));
  const cellOfLog = async (row: number) => (await open(log, blobs)).view.getCell(row, 0)?.value;
  const theirs = await open(log, blobs);
  return { log, network, who, unsaved, watch, cellOfLog, theirs };
}

const cellsOf = (errors: readonly TidemarkError[] = []) =>
  errors.flatMap((error) => (error as CellConflictError).cells ?? []).map(({ row, ours, theirs }) => [row, ours.value, theirs?.value]);

test('edits are counted until they are in the log, also after their sheet was left, and are still saved', async () => {
  const { network, unsaved, watch, cellOfLog } = await createScene();
  const { live, leave } = await watch();
  network.isUp = false;
  void live.setCell(0, 0, 'one');
  void live.setCell(1, 0, 'two');
  expect(unsaved.waiting.get()).toBe(2);
  leave();
  await unsaved.settle(20);
  expect(unsaved.waiting.get()).toBe(2);
  network.isUp = true;
  await unsaved.settle(5_000);
  expect(unsaved.waiting.get()).toBe(0);
  expect([await cellOfLog(0), await cellOfLog(1), unsaved.lost.get()]).toEqual(['one', 'two', []]);
});

test('what is rolled back after its sheet was left is kept, and is in the sheet again when that is opened', async () => {
  const { network, unsaved, watch, theirs } = await createScene();
  const { live, leave } = await watch();
  network.isUp = false;
  void live.setCell(0, 0, 'mine').catch(() => {});
  void live.setCell(1, 0, 'saved');
  leave();
  await theirs.setCell(0, 0, 'theirs');
  network.isUp = true;
  await until('it is rolled back', () => unsaved.lost.get().length > 0, 5_000);
  const [lost] = unsaved.lost.get();
  expect(lost).toMatchObject({ sheetId: 'budget', owner: { actor: 'ada' } });
  expect(cellsOf(lost?.errors)).toEqual([[0, 'mine', 'theirs']]);
  const again = await watch();
  expect(unsaved.lost.get()).toEqual([]);
  await whenView(again.live, 'it is there', (view) => view.getCell(0, 0)?.value === 'theirs');
  expect(cellsOf(again.unwritten.get())).toEqual([[0, 'mine', 'theirs']]);
  // Left without a decision it is not forgotten; decided, it is.
  again.leave();
  expect(unsaved.lost.get()).toHaveLength(1);
  unsaved.discard(unsaved.lost.get()[0]?.key as number);
  expect(unsaved.lost.get()).toEqual([]);
});

test('what nobody has decided about when a sheet is left is kept, but for cells that are as they were to be', async () => {
  const { network, unsaved, watch, theirs } = await createScene();
  const { live, leave } = await watch();
  network.isUp = false;
  for (const row of [0, 1]) void live.setCell(row, 0, 'mine').catch(() => {});
  for (const row of [0, 1]) await theirs.setCell(row, 0, 'theirs');
  network.isUp = true;
  await whenView(live, 'they are rolled back', ({ sync }) => sync.state === 'conflict');
  await theirs.setCell(1, 0, 'mine');
  await whenView(live, 'that is seen', (view) => view.getCell(1, 0)?.value === 'mine');
  leave();
  expect(cellsOf(unsaved.lost.get()[0]?.errors)).toEqual([[0, 'mine', 'theirs']]);
});

test('edits that wait when the session ends are never saved in the name of who signs in next, and are kept for who wrote them', async () => {
  const { network, who, unsaved, watch, cellOfLog } = await createScene();
  const [looked, left] = [await watch(), await watch()];
  network.isUp = false;
  void looked.live.setCell(0, 0, 'of ada').catch(() => {});
  void left.live.setCell(1, 0, 'of ada, left').catch(() => {});
  left.leave();
  who.set('nobody');
  network.isUp = true;
  who.set(sessionOf('bob'));
  await until('both are given up', () => cellsOf(unsaved.lost.get()[0]?.errors).length === 2, 5_000);
  const ofBob = await watch();
  expect(ofBob.unwritten.get()).toEqual([]);
  await ofBob.live.setCell(2, 0, 'of bob');
  expect([await cellOfLog(0), await cellOfLog(1), await cellOfLog(2)]).toEqual([null, null, 'of bob']);
  expect([unsaved.waiting.get(), unsaved.lost.get().map(({ owner }) => owner.actor)]).toEqual([0, ['ada']]);
  who.set('nobody');
  who.set(sessionOf('ada'));
  const again = await watch();
  expect(
    cellsOf(again.unwritten.get())
      .map(([row, ours]) => [row, ours])
      .sort(),
  ).toEqual([
    [0, 'of ada'],
    [1, 'of ada, left'],
  ]);
});

test('an edit that is refused is told with why, and what it was stays', async () => {
  const { log, watch, unsaved } = await createScene();
  const refusing: SheetLog = {
    ...troubledLog(log, () => undefined),
    addEntries: () => Promise.reject(new ForbiddenError('This token may not write here.')),
  };
  const { live, unwritten, leave } = await watch(refusing);
  await live.setRange(0, 0, [['a'], ['b']]).catch(() => {});
  await until('it is told', () => unwritten.get().length > 0, 5_000);
  expect(live.view.sync.rolledBack.map(({ code }) => code)).toEqual(['forbidden']);
  expect(cellsToDecide([...live.view.sync.rolledBack, ...unwritten.get()], live.view).map(({ ours, theirs }) => [ours, theirs])).toEqual([
    [{ value: 'a' }, { value: null }],
    [{ value: 'b' }, { value: null }],
  ]);
  // Too large for an entry: refused before it waits.
  await live.setCell(5, 0, 'x'.repeat(40_000)).catch(() => {});
  await until('that is told too', () => unwritten.get().length === 3, 5_000);
  expect(unwritten.get().map(({ code }) => code)).toEqual(['cell_conflict', 'invalid_input', 'cell_conflict']);
  leave();
  expect(unsaved.lost.get()[0]?.errors.map(({ code }) => code)).toEqual(['forbidden', 'invalid_input', 'cell_conflict']);
});

test('of hundreds of edits that were rolled back each cell stays, with the value written last', async () => {
  const { network, watch, theirs } = await createScene();
  const { live } = await watch();
  network.isUp = false;
  for (let row = 0; row < 250; row += 1) void live.setCell(row, 0, row).catch(() => {});
  void live.setCell(7, 0, 'again').catch(() => {});
  await theirs.setRange(
    0,
    0,
    Array.from({ length: 250 }, () => ['theirs']),
  );
  network.isUp = true;
  await whenView(live, 'they are rolled back', ({ sync }) => sync.state === 'conflict' && sync.waitingEdits === 0);
  expect(live.view.sync.rolledBack.length).toBeLessThanOrEqual(100);
  const cells = cellsToDecide(live.view.sync.rolledBack, live.view);
  expect(cells.map(({ row }) => row).sort((a, b) => a - b)).toEqual(Array.from({ length: 250 }, (_, row) => row));
  expect(cells.find(({ row }) => row === 7)).toMatchObject({ ours: { value: 'again' }, theirs: { value: 'theirs' } });
});
