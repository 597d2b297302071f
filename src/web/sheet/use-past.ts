/** Whether an earlier state of the sheet is shown, and which. */
import { useEffect, useState, useSyncExternalStore } from 'react';
import type { CellRange } from '../../spreadsheet/cell.ts';
import { createPastSheet, type PastSheet, type PastView } from './past-sheet.ts';
import type { SheetClient } from './use-live-sheet.ts';

export interface Past {
  view: PastView | undefined;
  open(end: bigint, viewport: CellRange | undefined): void;
  close(): void;
  setMoment(at: bigint): void;
  setViewport(range: CellRange): void;
  retry(): void;
}

const nothing = { subscribe: () => () => {}, get: () => undefined };

export function usePast(client: SheetClient, sheetId: string): Past {
  const [sheet, setSheet] = useState<PastSheet>();
  const store = sheet?.view ?? nothing;
  const view = useSyncExternalStore<PastView | undefined>(store.subscribe, store.get);
  useEffect(() => () => sheet?.close(), [sheet]);
  return {
    view,
    open(end, viewport) {
      const made = createPastSheet(client, sheetId, end);
      if (viewport) {
        made.setViewport(viewport);
      }
      setSheet(made);
    },
    close: () => setSheet(undefined),
    setMoment: (at) => sheet?.setMoment(at),
    setViewport: (range) => sheet?.setViewport(range),
    retry: () => sheet?.retry(),
  };
}
