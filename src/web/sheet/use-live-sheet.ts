/** A live sheet for as long as the page shows it. What waits to be saved when the page leaves it is still saved: see unsaved-edits.ts. */
import { useEffect, useState, useSyncExternalStore } from 'react';
import type { BlobDir } from '../../blob-store/blob-store.ts';
import type { TidemarkClient } from '../../client/connect.ts';
import type { LiveSheet, SheetLog, SheetView } from '../../live-sheet/types.ts';
import { openSheet } from '../../spreadsheet/open-sheet.ts';
import { unsaved } from '../unsaved.ts';
import type { WatchedSheet } from '../unsaved-edits.ts';

/** What the page needs of the client to its server. */
export interface SheetClient {
  log(id: string): SheetLog;
  blobs(id: string): BlobDir;
  request: TidemarkClient['request'];
}

export type OpenedSheet =
  | { state: 'opening' }
  | { state: 'failed'; error: Error; retry: () => void }
  | { state: 'open'; sheet: WatchedSheet };

export function useLiveSheet(client: SheetClient, sheetId: string): OpenedSheet {
  const [opened, setOpened] = useState<OpenedSheet>({ state: 'opening' });
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt opens it again
  useEffect(() => {
    let isLeft = false;
    let watched: WatchedSheet | undefined;
    setOpened({ state: 'opening' });
    void openSheet({ log: client.log(sheetId), blobs: client.blobs(sheetId), live: true, conflict: 'report' }).then(
      (live) => {
        if (isLeft) {
          void live.close();
        } else {
          watched = unsaved.watch(sheetId, live);
          setOpened({ state: 'open', sheet: watched });
        }
      },
      (error) => {
        if (!isLeft) {
          setOpened({ state: 'failed', error, retry: () => setAttempt((count) => count + 1) });
        }
      },
    );
    return () => {
      isLeft = true;
      watched?.leave();
    };
  }, [client, sheetId, attempt]);
  return opened;
}

export function useSheetView(live: LiveSheet): SheetView {
  return useSyncExternalStore(live.subscribe, () => live.view);
}
