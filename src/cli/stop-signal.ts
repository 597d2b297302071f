/** SIGTERM and SIGINT ask a process to drain; asked twice, it ends at once. */
import { constants } from 'node:os';

/** Ctrl-C under `npm start` arrives twice: from the terminal, and from npm, which passes it on. */
const SAME_MS = 500;

/** Aborted by the first signal. One that is meant as a second ends the process with 128 + its number. */
export function stopOnSignal(onSignal: (signal: NodeJS.Signals, isFirst: boolean) => void): AbortSignal {
  const stop = new AbortController();
  let firstAt = 0;
  // Whoever waits for a signal may have nothing else that keeps the process alive. Commands end it themselves.
  setInterval(() => {}, 60_000);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) {
        firstAt = performance.now();
        onSignal(signal, true);
        stop.abort();
      } else if (performance.now() - firstAt > SAME_MS) {
        onSignal(signal, false);
        process.exit(128 + constants.signals[signal]);
      }
    });
  }
  return stop.signal;
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
