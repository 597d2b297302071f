/** A worker, starter or reader process of the drill: killed, frozen, and started again by whoever killed it; by itself when it ended by itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ChildServer, spawnServer } from '../../src/embedded/child-server.ts';
import type { BlobPlace } from './blob-places.ts';
import { type Target, UP_DEADLINE_MS } from './target.ts';

/** What a process of the drill is told, as JSON in its one argument. */
export interface ProcessSettings {
  databaseUrl: string;
  temporalAddress: string;
  blobs: BlobPlace;
  /** A worker's: whether it starts executions too. */
  startsExecutions: boolean;
}

export interface ProcessTarget extends Target {
  readonly name: string;
  /** Whether it runs a starter loop. */
  readonly startsExecutions: boolean;
  /** SIGSTOP: it keeps its connections, claims and attempts, and does nothing. */
  freeze(): void;
  /** SIGCONT, when every freeze has had its thaw. */
  thaw(): void;
  /** Times that it ended without having been killed. */
  endedByItself(): number;
  /** SIGKILL, for good. */
  end(): Promise<void>;
}

export interface ProcessTargetOptions {
  kind: 'worker' | 'starter' | 'cdc';
  name: string;
  directory: string;
  settings: ProcessSettings;
  /** Resolves when it may be started. */
  mayStart: () => Promise<void>;
}

/** What a worker or starter writes when it works. */
export const UP_LINE = 'up';
/** A reader works too while it waits for the other one. */
const READER_IS_UP = /"msg":"(running|another reader has slot )/;
const RESTART_PAUSE_MS = 300;

export function createProcessTarget({ kind, name, directory, settings, mayStart }: ProcessTargetOptions): ProcessTarget {
  const logFile = join(directory, `${name}.log`);
  let child: ChildServer | undefined;
  let starting: Promise<void> = Promise.resolve();
  let ends = 0;
  let wantsIt = false;
  let freezes = 0;
  const isUpLine = (line: string) => (kind === 'cdc' ? READER_IS_UP.test(line) : line === UP_LINE);

  const spawnOnce = async () => {
    await mayStart();
    if (!wantsIt) return;
    child = await spawnServer({
      command: process.execPath,
      args: ['--enable-source-maps', fileURLToPath(new URL(`./${kind}.js`, import.meta.url)), JSON.stringify(settings)],
      logFile,
      stopSignal: 'SIGKILL',
      cwd: directory,
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', DATABASE_URL: settings.databaseUrl },
    });
    const spawned = child;
    void spawned.exited.then(async () => {
      if (!wantsIt || child !== spawned) return;
      ends += 1;
      await delay(RESTART_PAUSE_MS);
      if (wantsIt && child === spawned) starting = spawnOnce();
    });
  };

  const kill = async () => {
    wantsIt = false;
    await starting;
    await child?.kill();
  };

  return {
    kind,
    name,
    startsExecutions: settings.startsExecutions,
    kill,
    end: kill,
    start() {
      wantsIt = true;
      starting = spawnOnce();
      return starting;
    },
    async untilUp() {
      const deadline = performance.now() + UP_DEADLINE_MS;
      for (;;) {
        await starting;
        if (child && child.ended() === undefined && child.lastLines(Number.POSITIVE_INFINITY).some(isUpLine)) return;
        if (performance.now() > deadline) throw new Error(`${name} did not come up: ${readFileSync(logFile, 'utf8').slice(-2_000)}`);
        await delay(50);
      }
    },
    freeze() {
      freezes += 1;
      signal(child, 'SIGSTOP');
    },
    thaw() {
      freezes -= 1;
      if (freezes === 0) signal(child, 'SIGCONT');
    },
    endedByItself: () => ends,
  };
}

function signal(child: ChildServer | undefined, name: NodeJS.Signals): void {
  if (child && child.ended() === undefined) process.kill(child.pid, name);
}
