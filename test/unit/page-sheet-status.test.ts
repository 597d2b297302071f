/** The one thing that a sheet says about saving. */
import { expect, test } from 'vitest';
import type { SyncStatus } from '../../src/live-sheet/types.ts';
import { saveStatus } from '../../src/web/sheet/save-status.ts';
import { selectionSummary } from '../../src/web/sheet/selection-summary.ts';

const sync = (state: SyncStatus['state'], more: Partial<SyncStatus> = {}): SyncStatus => ({
  state,
  waitingEdits: 0,
  rolledBack: [],
  ...more,
});
const away = { waiting: 3, running: 0, oldestMs: 10_001 };

test('a sheet says exactly one of saved, saving, reconnecting, worker away, conflict', () => {
  expect(saveStatus(sync('saved'), undefined).text).toBe('saved');
  expect(saveStatus(sync('saving', { waitingEdits: 2 }), away)).toMatchObject({ text: 'saving', detail: '2 edits on the way.' });
  expect(saveStatus(sync('saved'), away).text).toBe('worker away: 3 waiting');
  expect(saveStatus(sync('conflict'), away).text).toBe('conflict');
  expect(saveStatus(sync('reconnecting', { waitingEdits: 1, error: new Error('no route') }), away)).toMatchObject({
    text: 'reconnecting',
    detail: 'The server does not answer (no route). 1 edit will be saved when it does.',
  });
});

test('a worker is away only where work has waited for over ten seconds and none is done', () => {
  expect(saveStatus(sync('saved'), { ...away, oldestMs: 10_000 }).word).toBe('saved');
  expect(saveStatus(sync('saved'), { ...away, running: 1, lastSignMs: 200 }).word).toBe('saved');
  expect(saveStatus(sync('saved'), { ...away, waiting: 0 }).word).toBe('saved');
});

test('a worker that has begun work and shows no sign of life for over ten seconds is away too', () => {
  expect(saveStatus(sync('saved'), { waiting: 0, running: 1, oldestMs: 0, lastSignMs: 10_000 }).word).toBe('saved');
  expect(saveStatus(sync('saved'), { waiting: 2, running: 1, oldestMs: 0, lastSignMs: 10_001 }).text).toBe('worker away: 3 waiting');
});

test('selected numbers are added up, and cells that are not loaded are not guessed', () => {
  const values = [1, 2.5, 'text', null];
  const range = { row: 0, column: 0, rowCount: 4, columnCount: 1 };
  const cellAt = (row: number) => ({ value: values[row] ?? null });
  expect(selectionSummary(range, cellAt)).toBe('4 × 1 · sum 3.5 · average 1.75 · 2 numbers');
  expect(selectionSummary({ ...range, rowCount: 1 }, cellAt)).toBeUndefined();
  expect(selectionSummary({ ...range, row: 1, rowCount: 3 }, cellAt)).toBe('3 × 1 · 2 filled');
  expect(selectionSummary(range, () => undefined)).toBe('4 × 1');
  expect(selectionSummary({ ...range, rowCount: 1_000_000 }, cellAt)).toBe('1,000,000 × 1');
});
