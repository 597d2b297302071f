/** The one thing that a page says about saving. */
import type { SyncStatus } from '../../live-sheet/types.ts';

export type SaveWord = 'saved' | 'saving' | 'reconnecting' | 'worker away' | 'conflict';

export interface SaveStatus {
  readonly word: SaveWord;
  readonly text: string;
  /** A sentence for whoever wants to know more. */
  readonly detail: string;
}

/** Units of work that have not ended. */
export interface WaitingWork {
  readonly waiting: number;
  /** Begun: by a worker that may be gone. */
  readonly running: number;
  /** Of the unit that has waited longest, in ms. */
  readonly oldestMs: number;
  /** Since one of those that run began or got further, in ms; absent where none runs. */
  readonly lastSignMs?: number | undefined;
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
            text: `worker away: ${work.waiting + work.running} waiting`,
            detail: 'Everything is saved. Snapshots and other work wait until a worker runs.',
          }
        : { word: 'saved', text: 'saved', detail: 'Everything is in the log.' };
  }
}

function isAway(work: WaitingWork | undefined): work is WaitingWork {
  return work !== undefined && (work.running > 0 ? (work.lastSignMs ?? 0) : work.waiting > 0 ? work.oldestMs : 0) > AWAY_AFTER_MS;
}
