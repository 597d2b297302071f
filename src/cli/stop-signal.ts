/** SIGTERM and SIGINT ask a process to drain; asked twice, it ends at once. */
import { constants } from 'node:os';

/** Aborted by the first signal. The second one ends the process with 128 + its number. */
export function stopOnSignal(onSignal: (signal: NodeJS.Signals, isFirst: boolean) => void): AbortSignal {
  const stop = new AbortController();
  // Whoever waits for a signal may have nothing else that keeps the process alive. Commands end it themselves.
  setInterval(() => {}, 60_000);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      const isFirst = !stop.signal.aborted;
      onSignal(signal, isFirst);
      if (!isFirst) process.exit(128 + constants.signals[signal]);
      stop.abort();
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
