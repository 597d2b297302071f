/** The worker of `tidemark dev`: kept running, and with --watch started anew when a file of the app changes. */
import { watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../errors.ts';
import { findAppFile } from './load-app.ts';
import type { Screen } from './screen.ts';
import { untilAborted } from './stop-signal.ts';
import { lastWords, messageOf, startWorkerProcess } from './worker-process.ts';

export interface DevWorkerOptions {
  app: string | undefined;
  watch: boolean;
  dataDir: string;
  screen: Screen;
}

const WARN = 40;
const STOP_DEADLINE_MS = 20_000;
const MAX_PAUSE_MS = 10_000;
/** An editor writes a file in several steps, and several files at once. */
const SETTLE_MS = 200;
const SOURCE = /\.([cm]?[jt]s|json|sql)$/;

/** @throws SetupError where the worker does not start, unless a change of the app can mend it */
export async function startDevWorker({ app, watch: isWatching, dataDir, screen }: DevWorkerOptions): Promise<{ stop(): Promise<void> }> {
  const file = findAppFile(app);
  const changes = isWatching && file ? watchFolder(dirname(file)) : neverChanges;
  const stop = new AbortController();
  const stopped = untilAborted(stop.signal);
  const startedAt = performance.now();
  const activity = screen.begin('Starting the worker');
  const start = () =>
    startWorkerProcess({ args: file ? ['--app', file] : [], logFile: join(dataDir, 'worker.log'), onLine: (line) => show(line, screen) });

  let reportFirst: (error?: unknown) => void = () => {};
  const firstStart = new Promise<unknown>((resolve) => {
    reportFirst = resolve;
  });

  /** One turn a process: it starts, works, and ends because it was stopped, because the app has changed, or by itself. */
  const loop = (async () => {
    let told = '';
    for (let failures = 0; !stop.signal.aborted; ) {
      const changed = changes.next();
      const worker = await start();
      let problem: string | undefined;
      try {
        await Promise.race([worker.untilRunning(), stopped]);
        reportFirst();
        const ended = worker.exited.then(() => undefined);
        const change = await Promise.race([changed, stopped.then(() => ({ path: undefined })), ended]);
        if (change === undefined) {
          problem = `The worker ended: ${lastWords(worker)}`;
        } else if (change.path !== undefined) {
          failures = 0;
          told = '';
          screen.done(`${change.path} changed: starting the worker anew`);
        }
      } catch (error) {
        problem = errorMessage(error);
        reportFirst(error);
      }
      await worker.stop(STOP_DEADLINE_MS);
      if (problem !== undefined && !stop.signal.aborted) {
        failures += 1;
        if (problem !== told) screen.warn(`${problem} Trying again until it works.`);
        told = problem;
        await Promise.race([delay(Math.min(500 * 2 ** failures, MAX_PAUSE_MS)), changed, stopped]);
      }
    }
  })();

  const error = await firstStart;
  if (error === undefined) {
    activity.done(`Worker for ${file ?? 'sheets (no tidemark.config here)'} (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`);
  } else {
    activity.clear();
  }
  if (error !== undefined && !isWatching) {
    stop.abort();
    await loop;
    throw error;
  }
  return {
    async stop() {
      changes.close();
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
  } else if (entry.level >= WARN) {
    screen.warn(entry.message);
  }
}

interface Changes {
  /** Resolves at the next change; undefined never. */
  next(): Promise<{ path: string }>;
  close(): void;
}

const neverChanges: Changes = { next: () => new Promise(() => {}), close: () => {} };

function watchFolder(folder: string): Changes {
  let timer: NodeJS.Timeout | undefined;
  let tell: (change: { path: string }) => void = () => {};
  const watcher = watch(folder, { recursive: true }, (_, path) => {
    if (path === null || !SOURCE.test(path) || path.split(/[/\\]/).some((part) => part === 'node_modules' || part.startsWith('.'))) return;
    clearTimeout(timer);
    timer = setTimeout(() => tell({ path }), SETTLE_MS);
  });
  return {
    next: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
