/** What was not written and nobody has decided about: rolled back by the log, refused, or left from an earlier time on this sheet. */
import { useEffect, useMemo } from 'react';
import { CellConflictError, type ConflictingCell } from '../../errors.ts';
import type { SheetView } from '../../live-sheet/types.ts';
import { useStore } from '../store.ts';
import { cellsToDecide, type WatchedSheet } from '../unsaved-edits.ts';

export interface Undecided {
  /** Each once. */
  reasons: readonly string[];
  cells: readonly ConflictingCell[];
  isAny: boolean;
  /** Somebody has. */
  decide(): void;
}

export function useUndecided({ live, unwritten }: WatchedSheet, view: SheetView): Undecided {
  const others = useStore(unwritten);
  const found = useMemo(() => {
    const errors = [...view.sync.rolledBack, ...others];
    const reasons = errors.filter((error) => !(error instanceof CellConflictError)).map(({ message }) => message);
    return { reasons: [...new Set(reasons)], cells: cellsToDecide(errors, view) };
  }, [view, others]);
  const isAny = found.reasons.length + found.cells.length > 0;
  const { length: rolledBack } = view.sync.rolledBack;
  useEffect(() => {
    // Every cell is as it was to be, by now.
    if (rolledBack > 0 && !isAny) live.acknowledge();
  }, [live, rolledBack, isAny]);
  return {
    ...found,
    isAny,
    decide() {
      live.acknowledge();
      unwritten.set([]);
    },
  };
}
