/**
 * What people have written on this page and no log holds: edits of its sheets that are on their way, also of sheets that the person has left, and
 * edits that were not written, until somebody has decided about them.
 *
 * An edit belongs to who was signed in when its sheet was opened. When they are not there any more, their edits are given up rather than saved in
 * the name of somebody else. They are kept for them here, and shown to nobody else.
 */
import { CellConflictError, type ConflictingCell, SheetClosedError, type TidemarkError } from '../errors.ts';
import type { LiveSheet, SheetView } from '../live-sheet/types.ts';
import type { CellValue } from '../spreadsheet/cell.ts';
import type { Session } from './api-types.ts';
import { isSameCell } from './sheet/edits/undo-stack.ts';
import { createStore, type Store } from './store.ts';

/** Not written, and nobody looks at their sheet. */
export interface LostEdits {
  readonly key: number;
  readonly sheetId: string;
  readonly owner: Session;
  /** Cells are in CellConflictErrors, whatever the reason. */
  readonly errors: readonly TidemarkError[];
}

export interface WatchedSheet {
  /** In the place of the one that was given. */
  readonly live: LiveSheet;
  /** What was not written, beside `view.sync.rolledBack`. Emptied by whoever has asked the person. */
  readonly unwritten: Store<readonly TidemarkError[]>;
  /** Nobody looks at it any more. What waits is saved, then it is closed. */
  leave(): void;
}

export interface UnsavedEdits {
  watch(sheetId: string, live: LiveSheet): WatchedSheet;
  /** How many edits are on their way. */
  readonly waiting: Store<number>;
  readonly lost: Store<readonly LostEdits[]>;
  discard(key: number): void;
  /** Resolves when none is on its way any more, or after `ms`. */
  settle(ms: number): Promise<void>;
}

interface Sheet extends Pick<WatchedSheet, 'live' | 'unwritten'> {
  sheetId: string;
  owner: Session;
  /** Without `flush` its edits are given up. */
  close(options: { flush: boolean }): void;
}

const UNKNOWN: Session = { scopes: [], auth: 'tokens', readOnly: true, schedules: false };

export function createUnsavedEdits(who: Store<Session | 'nobody' | undefined>): UnsavedEdits {
  const waiting = createStore(0);
  const lost = createStore<readonly LostEdits[]>([]);
  /** Somebody looks at them. */
  const open = new Set<Sheet>();
  const left = new Set<Sheet>();
  let keys = 0;

  const count = () => waiting.set([...open, ...left].reduce((sum, { live }) => sum + live.view.sync.waitingEdits, 0));

  who.subscribe(() => {
    for (const sheet of [...open, ...left]) {
      if (!isSamePerson(sheet.owner, who.get())) sheet.close({ flush: false });
    }
  });

  /** Into the sheet itself where its owner has it open again. */
  function lose(sheetId: string, owner: Session, errors: readonly TidemarkError[]): void {
    if (errors.length === 0) return;
    const isIts = (one: { sheetId: string; owner: Session }) => one.sheetId === sheetId && isSamePerson(one.owner, owner);
    const again = [...open].find(isIts);
    if (again) {
      again.unwritten.set([...again.unwritten.get(), ...errors]);
      return;
    }
    const before = lost.get().find(isIts);
    const all = [...(before?.errors ?? []), ...errors];
    lost.set([...lost.get().filter((one) => one !== before), { key: before?.key ?? ++keys, sheetId, owner, errors: all }]);
  }

  function watch(sheetId: string, live: LiveSheet): WatchedSheet {
    const now = who.get();
    const owner = typeof now === 'object' ? now : UNKNOWN;
    const unwritten = createStore<readonly TidemarkError[]>([]);

    function keep(edit: Promise<bigint>, cells: () => ConflictingCell[]): Promise<bigint> {
      edit.catch((error: TidemarkError) => {
        const isLeft = !open.has(sheet);
        const isShown = !isLeft && live.view.sync.rolledBack.includes(error);
        const reason = isShown || error instanceof SheetClosedError ? [] : [error];
        if (error instanceof CellConflictError) {
          if (isLeft) lose(sheetId, owner, [error]);
        } else if (isLeft) {
          lose(sheetId, owner, [...reason, notSaved(cells())]);
        } else {
          unwritten.set([...unwritten.get(), ...reason, notSaved(cells())]);
        }
      });
      return edit;
    }

    const watched: LiveSheet = {
      ...live,
      get view() {
        return live.view;
      },
      setCell: (row, column, value, format) =>
        keep(live.setCell(row, column, value, format), () => cellsOf({ row, column }, [[value]], format)),
      setRange: (row, column, values, format) =>
        keep(live.setRange(row, column, values, format), () => cellsOf({ row, column }, values, format)),
    };
    const unsubscribe = live.subscribe(count);
    const sheet: Sheet = {
      sheetId,
      owner,
      live,
      unwritten,
      close({ flush }) {
        if (open.delete(sheet)) {
          left.add(sheet);
          lose(sheetId, owner, undecided([...live.view.sync.rolledBack, ...unwritten.get()], live.view));
        }
        if (left.has(sheet)) {
          void live.close({ flush }).finally(() => {
            left.delete(sheet);
            unsubscribe();
            count();
          });
        }
      },
    };
    open.add(sheet);
    const own = lost.get().filter((one) => one.sheetId === sheetId && isSamePerson(one.owner, owner));
    lost.set(lost.get().filter((one) => !own.includes(one)));
    unwritten.set(own.flatMap(({ errors }) => errors));
    return { live: watched, unwritten, leave: () => sheet.close({ flush: true }) };
  }

  return {
    watch,
    waiting,
    lost,
    discard: (key) => lost.set(lost.get().filter((one) => one.key !== key)),
    settle: (ms) =>
      new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          unsubscribe();
          resolve();
        };
        const timer = setTimeout(end, ms);
        const unsubscribe = waiting.subscribe(() => waiting.get() === 0 && end());
        if (waiting.get() === 0) end();
      }),
  };
}

/** Of two tokens that name nobody, nobody can tell whether they are of one person. */
export function isSamePerson(one: Session, other: Session | 'nobody' | undefined): boolean {
  if (one === other) return true;
  return (
    typeof other === 'object' && one.auth === other.auth && one.actor === other.actor && (one.auth !== 'tokens' || one.actor !== undefined)
  );
}

/** What somebody has to decide about: not cells that are as they were to be. `theirs` is what there is now, where that is known. */
export function cellsToDecide(errors: readonly TidemarkError[], { getCell }: Pick<SheetView, 'getCell'>): ConflictingCell[] {
  const cells = new Map<string, ConflictingCell>();
  for (const error of errors) {
    for (const cell of error instanceof CellConflictError ? error.cells : []) {
      // The last of each cell.
      cells.delete(`${cell.row} ${cell.column}`);
      cells.set(`${cell.row} ${cell.column}`, { ...cell, theirs: getCell(cell.row, cell.column) ?? cell.theirs });
    }
  }
  return [...cells.values()].filter(({ ours, theirs }) => theirs === undefined || !isSameCell(ours, theirs));
}

function undecided(errors: readonly TidemarkError[], view: SheetView): TidemarkError[] {
  const cells = cellsToDecide(errors, view);
  return [...errors.filter((error) => !(error instanceof CellConflictError)), ...(cells.length > 0 ? [notSaved(cells)] : [])];
}

function notSaved(cells: ConflictingCell[]): CellConflictError {
  return new CellConflictError(`${cells.length} ${cells.length === 1 ? 'cell was' : 'cells were'} not saved.`, cells);
}

function cellsOf(
  { row, column }: { row: number; column: number },
  values: readonly (readonly CellValue[])[],
  format: string | undefined,
): ConflictingCell[] {
  return values.flatMap((line, down) =>
    line.map((value, across) => ({
      row: row + down,
      column: column + across,
      ours: value === null || format === undefined ? { value } : { value, format },
      theirs: undefined,
    })),
  );
}
