/** A live sheet for as long as the page shows it. What waits to be saved when the page leaves it is still saved. */
import { useEffect, useState, useSyncExternalStore } from 'react';
import type { BlobDir } from '../../blob-store/blob-store.ts';
import type { TidemarkClient } from '../../client/connect.ts';
import type { LiveSheet, SheetLog, SheetView } from '../../live-sheet/types.ts';
import { openSheet } from '../../spreadsheet/open-sheet.ts';

/** What the page needs of the client to its server. */
export interface SheetClient {
  log(id: string): SheetLog;
  blobs(id: string): BlobDir;
  request: TidemarkClient['request'];
}

export type OpenedSheet = { state: 'opening' } | { state: 'failed'; error: Error; retry: () => void } | { state: 'open'; live: LiveSheet };

export function useLiveSheet(client: SheetClient, sheetId: string): OpenedSheet {
  const [opened, setOpened] = useState<OpenedSheet>({ state: 'opening' });
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt opens it again
  useEffect(() => {
    let isLeft = false;
    let live: LiveSheet | undefined;
    setOpened({ state: 'opening' });
    const leave = () => {
      isLeft = true;
      void live?.close({ flush: true });
    };
    void openSheet({ log: client.log(sheetId), blobs: client.blobs(sheetId), live: true, conflict: 'report' }).then(
      (sheet) => {
        live = sheet;
        if (isLeft) {
          leave();
        } else {
          setOpened({ state: 'open', live: sheet });
        }
      },
      (error) => {
        if (!isLeft) {
          setOpened({ state: 'failed', error, retry: () => setAttempt((count) => count + 1) });
        }
      },
    );
    return leave;
  }, [client, sheetId, attempt]);
  return opened;
}

export function useSheetView(live: LiveSheet): SheetView {
  return useSyncExternalStore(live.subscribe, () => live.view);
}

/** Asks before the window is closed while edits are on their way. */
export function useUnsavedWarning(waitingEdits: number): void {
  useEffect(() => {
    if (waitingEdits === 0) {
      return;
    }
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [waitingEdits]);
}
