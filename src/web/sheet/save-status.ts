/** The one thing that a page says about saving. */
import type { SyncStatus } from '../../live-sheet/types.ts';

export type SaveWord = 'saved' | 'saving' | 'reconnecting' | 'worker away' | 'conflict';

export interface SaveStatus {
  readonly word: SaveWord;
  readonly text: string;
  /** A sentence for whoever wants to know more. */
  readonly detail: string;
}

/** Units of work that no worker has begun. */
export interface WaitingWork {
  readonly waiting: number;
  readonly running: number;
  /** Of the unit that has waited longest, in ms. */
  readonly oldestMs: number;
}

const AWAY_AFTER_MS = 10_000;

/** @param isUndecided something was not written, and the person has not said what is to become of it */
export function saveStatus(sync: SyncStatus, work: WaitingWork | undefined, isUndecided = false): SaveStatus {
  const edits = sync.waitingEdits === 1 ? '1 edit' : `${sync.waitingEdits} edits`;
  switch (isUndecided && sync.state !== 'reconnecting' ? 'conflict' : sync.state) {
    case 'reconnecting':
      return {
        word: 'reconnecting',
        text: 'reconnecting',
        detail: `The server does not answer (${sync.error?.message ?? 'no reason given'}). ${sync.waitingEdits === 0 ? 'Nothing waits to be saved.' : `${edits} will be saved when it does.`}`,
      };
    case 'conflict':
      return { word: 'conflict', text: 'conflict', detail: 'Not everything was written. Choose what stays.' };
    case 'saving':
      return { word: 'saving', text: 'saving', detail: `${edits} on the way.` };
    default:
      return isAway(work)
        ? {
            word: 'worker away',
            text: `worker away: ${work.waiting} waiting`,
            detail: 'Everything is saved. Snapshots and other work wait until a worker runs.',
          }
        : { word: 'saved', text: 'saved', detail: 'Everything is in the log.' };
  }
}

function isAway(work: WaitingWork | undefined): work is WaitingWork {
  return work !== undefined && work.waiting > 0 && work.running === 0 && work.oldestMs > AWAY_AFTER_MS;
}
