/**
 * What a live sheet shows now, and who is told when that changes. Every change goes through `update`, which makes the next view and calls the
 * listeners; a view that was handed out stays as it is.
 */
import type { SequenceId } from '../event-log/event-log.ts';
import { checkRange } from '../spreadsheet/check-range.ts';
import { type Content, cellOf } from './content.ts';
import type { LoadStatus, SheetView, SyncStatus, ViewBase, ViewCounts } from './types.ts';
import { countContent } from './view-counts.ts';

export interface StoreState {
  readonly content: Content;
  readonly sequenceId: SequenceId;
  readonly base: ViewBase;
  readonly load: LoadStatus;
  readonly sync: SyncStatus;
}

export interface SheetStore {
  readonly state: StoreState;
  readonly view: SheetView;
  update(change: Partial<StoreState>): void;
  subscribe(listener: () => void): () => void;
}

export function createStore(initial: StoreState): SheetStore {
  const listeners = new Set<{ listener: () => void }>();
  let state = initial;
  let view = viewOf(state);
  return {
    get state() {
      return state;
    },
    get view() {
      return view;
    },
    update(change) {
      state = { ...state, ...change };
      view = viewOf(state);
      for (const { listener } of [...listeners]) {
        try {
          listener();
        } catch (error) {
          // The listener's own fault: it must be seen, and must not stop what goes on here.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
    subscribe(listener) {
      const entry = { listener };
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
      };
    },
  };
}

function viewOf({ content, sequenceId, base, load, sync }: StoreState): SheetView {
  let counts: ViewCounts | undefined;
  return {
    sequenceId,
    base,
    load,
    sync,
    get counts() {
      counts ??= countContent(content);
      return counts;
    },
    getCell(row, column) {
      checkRange({ row, column, rowCount: 1, columnCount: 1 });
      return cellOf(content, row, column);
    },
    getRange(range) {
      const { row, column, rowCount, columnCount } = checkRange(range);
      return Array.from({ length: rowCount }, (_, down) =>
        Array.from({ length: columnCount }, (_, across) => cellOf(content, row + down, column + across)),
      );
    },
  };
}
