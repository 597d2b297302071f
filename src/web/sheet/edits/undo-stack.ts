/**
 * Undo of one's own edits, in a sheet that others write to as well.
 *
 * A step remembers what each cell was before and what it was made. It is undone by writing what was before, as an edit like any other, and only
 * where the cell still is what the step made it: what somebody else has written since stays, and is reported.
 */
import type { Cell, CellValue } from '../../../spreadsheet/cell.ts';

export interface CellChange {
  readonly row: number;
  readonly column: number;
  /** undefined: it was not loaded when it was written, so that nobody knows. */
  readonly before: Cell | undefined;
  readonly after: Cell;
}

export interface UndoStep {
  /** What was done, for 'Undo typing in B7'. */
  readonly name: string;
  readonly changes: readonly CellChange[];
}

export interface UndoPlan {
  readonly name: string;
  /** To be written now; `after` of each is what it was before. */
  readonly changes: readonly CellChange[];
  /** Cells that somebody else has written since. */
  readonly overwritten: readonly CellChange[];
  /** Cells of which it is not known what they were, or what they are. */
  readonly unknown: number;
}

export interface UndoStack {
  readonly undoName: string | undefined;
  readonly redoName: string | undefined;
  /** After an edit. What was undone cannot be redone any more. */
  push(step: UndoStep): void;
  /** Takes the last step off, and says what to write. @param cellAt what there is now; undefined: not loaded */
  undo(cellAt: (row: number, column: number) => Cell | undefined): UndoPlan | undefined;
  redo(cellAt: (row: number, column: number) => Cell | undefined): UndoPlan | undefined;
}

const MAX_STEPS = 200;
/** Of all steps together. */
const MAX_CHANGES = 400_000;

export function createUndoStack(): UndoStack {
  let undone: UndoStep[] = [];
  let done: UndoStep[] = [];

  function turnBack(step: UndoStep, onto: UndoStep[], cellAt: (row: number, column: number) => Cell | undefined): UndoPlan {
    const changes: CellChange[] = [];
    const overwritten: CellChange[] = [];
    let unknown = 0;
    for (const change of step.changes) {
      const now = cellAt(change.row, change.column);
      if (change.before === undefined || now === undefined) {
        unknown += 1;
      } else if (isSameCell(now, change.after)) {
        changes.push({ ...change, before: change.after, after: change.before });
      } else {
        overwritten.push(change);
      }
    }
    if (changes.length > 0) {
      onto.push({ name: step.name, changes });
    }
    return { name: step.name, changes, overwritten, unknown };
  }

  return {
    get undoName() {
      return done.at(-1)?.name;
    },
    get redoName() {
      return undone.at(-1)?.name;
    },
    push(step) {
      undone = [];
      done.push(step);
      let changes = 0;
      const kept = done.findLastIndex((each, index) => {
        changes += each.changes.length;
        return changes > MAX_CHANGES || done.length - index > MAX_STEPS;
      });
      done = done.slice(kept + 1);
    },
    undo(cellAt) {
      const step = done.pop();
      return step && turnBack(step, undone, cellAt);
    },
    redo(cellAt) {
      const step = undone.pop();
      return step && turnBack(step, done, cellAt);
    },
  };
}

export function isSameCell(one: Cell, other: Cell): boolean {
  return isSameValue(one.value, other.value) && (one.value === null || one.format === other.format);
}

export function isSameValue(one: CellValue, other: CellValue): boolean {
  return typeof one === 'object' && typeof other === 'object' ? one?.value === other?.value : one === other;
}
