/** Whether work waits that no worker does, asked every few seconds. undefined where nobody may know. */
import { usePolled } from '../use-polled.ts';
import type { WaitingWork } from './save-status.ts';
import { waitingWork } from './sheet-requests.ts';
import type { SheetClient } from './use-live-sheet.ts';

const EVERY_MS = 3_000;

export function useWaitingWork(client: SheetClient): WaitingWork | undefined {
  return usePolled((signal) => waitingWork(client, signal), EVERY_MS, 'waiting work').data;
}
