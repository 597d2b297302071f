/**
 * The edits that wait to be confirmed, in their order, and the part of the view that they are: the top layer of the cells, and `view.sync`.
 *
 * An edit is in the view from `add` on, until it is confirmed (then its entry is) or rolled back (then it is not, and its promise rejects).
 */
import { CellConflictError, type ConflictingCell, errorMessage, type TidemarkError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { Cell } from '../spreadsheet/cell.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import { utf8Length } from '../utf8-length.ts';
import { type Content, withLayer, withWrites, writesOf } from './content.ts';
import { cellsOfPatch, createPatch, type Patch } from './patch.ts';
import type { SheetStore, StoreState } from './store.ts';
import type { SyncStatus } from './types.ts';

export interface Edit {
  readonly entry: SheetEntry;
  readonly writes: ReadonlyMap<number, Patch>;
  /** Of its JSON in UTF-8. */
  readonly bytes: number;
  resolve(sequenceId: SequenceId): void;
  reject(error: TidemarkError): void;
}

export interface Outcome {
  /** How many from the first one on are in the log, from `at` on. */
  confirmed?: number;
  at?: SequenceId;
  rolledBack?: ReadonlyMap<Edit, TidemarkError>;
}

export interface EditQueue {
  readonly edits: readonly Edit[];
  /** @param entry checked */
  add(entry: SheetEntry): Promise<SequenceId>;
  /** Takes edits out, and puts that and `change` into one view. */
  settle(outcome: Outcome, change?: Partial<StoreState>): void;
  /** `content` with the edits that wait on top. */
  layOver(content: Content): Content;
  /** That the log does not answer, or does again. */
  setError(error: unknown): void;
  acknowledge(): void;
  empty(): Promise<void>;
  /** Rolls back all of them. */
  abandon(error: TidemarkError): void;
}

const MAX_ROLLED_BACK = 100;

export function createEditQueue(store: SheetStore): EditQueue {
  let edits: Edit[] = [];
  let rolledBackErrors: readonly TidemarkError[] = [];
  let failure: Error | undefined;
  let waiters: { resolve: () => void; reject: (error: TidemarkError) => void }[] = [];

  function status(): SyncStatus {
    const waitingEdits = edits.length;
    const state = failure ? 'reconnecting' : rolledBackErrors.length > 0 ? 'conflict' : waitingEdits > 0 ? 'saving' : 'saved';
    return { state, waitingEdits, rolledBack: rolledBackErrors, ...(failure ? { error: failure } : {}) };
  }

  function pendingLayer(content: Content, keys: ReadonlySet<number>): Content {
    const cells = new Map([...keys].map((key) => [key, new Map<number, Cell>()]));
    for (const { writes } of edits) {
      for (const [key, patch] of writes) {
        const ofTile = cells.get(key);
        for (const [position, cell] of ofTile ? cellsOfPatch(patch) : []) {
          ofTile?.set(position, cell);
        }
      }
    }
    return withLayer(
      content,
      'pending',
      [...cells].map(([key, ofTile]) => [key, ofTile.size === 0 ? undefined : createPatch(ofTile)]),
    );
  }

  function settle({ confirmed = 0, at = 0n, rolledBack = new Map() }: Outcome, change: Partial<StoreState> = {}): void {
    const saved = edits.slice(0, confirmed);
    const touched = new Set([...saved, ...rolledBack.keys()].flatMap((edit) => [...edit.writes.keys()]));
    if (saved.length + rolledBack.size > 0) {
      edits = edits.slice(confirmed).filter((edit) => !rolledBack.has(edit));
      rolledBackErrors = condensed([...rolledBackErrors, ...rolledBack.values()]);
    }
    const content = change.content ?? store.state.content;
    store.update({ ...change, content: touched.size === 0 ? content : pendingLayer(content, touched), sync: status() });
    for (const [index, edit] of saved.entries()) {
      edit.resolve(at + BigInt(index));
    }
    for (const [edit, error] of rolledBack) {
      edit.reject(error);
    }
    if (edits.length === 0) {
      for (const { resolve } of waiters.splice(0)) {
        resolve();
      }
    }
  }

  return {
    get edits() {
      return edits;
    },
    add(entry) {
      const writes = writesOf([entry]);
      const confirmed = new Promise<SequenceId>((resolve, reject) => {
        edits.push({ entry, writes, bytes: utf8Length(JSON.stringify(entry)), resolve, reject });
      });
      // Whoever does not await it reads of it in the view.
      confirmed.catch(() => {});
      store.update({ content: withWrites(store.state.content, 'pending', writes), sync: status() });
      return confirmed;
    },
    settle,
    layOver: (content) => pendingLayer(content, new Set(edits.flatMap(({ writes }) => [...writes.keys()]))),
    setError(error) {
      const next = error === undefined ? undefined : error instanceof Error ? error : new Error(errorMessage(error));
      if (next !== failure) {
        failure = next;
        store.update({ sync: status() });
      }
    },
    acknowledge() {
      if (rolledBackErrors.length > 0) {
        rolledBackErrors = [];
        store.update({ sync: status() });
      }
    },
    async empty() {
      if (edits.length > 0) {
        await new Promise<void>((resolve, reject) => {
          waiters.push({ resolve, reject });
        });
      }
    },
    abandon(error) {
      const unsaved = waiters;
      waiters = [];
      settle({ rolledBack: new Map(edits.map((edit) => [edit, error])) });
      for (const { reject } of unsaved) {
        reject(error);
      }
    },
  };
}

/** Of conflicts every cell stays, the last value of each, in one error where there are many of them; of other reasons the newest. */
function condensed(errors: readonly TidemarkError[]): readonly TidemarkError[] {
  if (errors.length <= MAX_ROLLED_BACK) {
    return errors;
  }
  const cells = new Map<string, ConflictingCell>();
  for (const cell of errors.flatMap((error) => (error instanceof CellConflictError ? error.cells : []))) {
    cells.set(`${cell.row} ${cell.column}`, cell);
  }
  const others = errors.filter((error) => !(error instanceof CellConflictError)).slice(1 - MAX_ROLLED_BACK);
  const message = `${cells.size} cells were written by somebody else: what was set there was not saved. Set it again to replace theirs.`;
  return cells.size === 0 ? others : [...others, new CellConflictError(message, [...cells.values()])];
}
