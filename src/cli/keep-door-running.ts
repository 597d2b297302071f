/** A worker or server of `tidemark dev`: kept running, and started anew when a file of the app changes. */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../errors.ts';
import { type Door, type DoorProcessOptions, lastWords, messageOf, startDoorProcess } from './door-process.ts';
import type { Screen } from './screen.ts';
import { untilAborted } from './stop-signal.ts';
import type { FolderChanges } from './watch-folder.ts';

export interface KeptDoor {
  readonly door: Door;
  /** Settles when the first process works, or with why it does not. */
  readonly firstStart: Promise<unknown>;
  stop(): Promise<void>;
}

const WARN = 40;
const STOP_DEADLINE_MS = 20_000;
const MAX_PAUSE_MS = 10_000;

export function keepDoorRunning(options: Omit<DoorProcessOptions, 'onLine'>, changes: FolderChanges, screen: Screen): KeptDoor {
  const { door } = options;
  const stop = new AbortController();
  const stopped = untilAborted(stop.signal);
  let reportFirst: (error?: unknown) => void = () => {};
  const firstStart = new Promise<unknown>((resolve) => {
    reportFirst = resolve;
  });

  /** One turn a process: it starts, works, and ends because it was stopped, because the app has changed, or by itself. */
  const loop = (async () => {
    let told = '';
    for (let failures = 0; !stop.signal.aborted; ) {
      const changed = changes.next();
      const process = await startDoorProcess({ ...options, onLine: (line) => show(line, screen) });
      let problem: string | undefined;
      try {
        await Promise.race([process.untilRunning(), stopped]);
        reportFirst();
        const why = await Promise.race([changed.then(() => 'changed'), stopped.then(() => 'stopped'), process.exited.then(() => 'ended')]);
        if (why === 'ended') {
          problem = `The ${door} ended: ${lastWords(process)}`;
        } else if (why === 'changed') {
          failures = 0;
          told = '';
        }
      } catch (error) {
        problem = errorMessage(error);
        reportFirst(error);
      }
      await process.stop(STOP_DEADLINE_MS);
      if (problem !== undefined && !stop.signal.aborted) {
        failures += 1;
        if (problem !== told) screen.warn(`${problem} Trying again until it works.`);
        told = problem;
        await Promise.race([delay(Math.min(500 * 2 ** failures, MAX_PAUSE_MS)), changed, stopped]);
      }
    }
  })();

  return {
    door,
    firstStart,
    async stop() {
      stop.abort();
      await loop;
    },
  };
}

/** Warnings, and what the app itself prints; the rest is in the file. */
function show(line: string, screen: Screen): void {
  const entry = messageOf(line);
  if (entry === undefined) {
    // The last words of one that ends are told with the reason.
    if (!line.startsWith('tidemark: ')) screen.line(line);
  } else if (entry.level >= WARN && entry.message !== 'request') {
    screen.warn(entry.message);
  }
}
