/**
 * A server process that never outlives this one.
 *
 * Beside each server runs a watcher, a shell that waits for the end of a pipe which this process holds open. However this
 * process ends (return, exit, signal, SIGKILL), the pipe closes and the watcher stops the server: first as the server wants
 * to be stopped, after ten seconds with SIGKILL. Both run in sessions of their own, so a Ctrl-C in the terminal does not
 * reach the server before whoever shuts down in order. Output goes to a file: a pipe that nobody empties would block the server.
 * Neither keeps the event loop alive.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SetupError } from '../errors.ts';

export interface ChildServer {
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason, with the reason: `exit code 1`, `signal SIGKILL`. */
  readonly exited: Promise<string>;
  /** Undefined while the process runs. */
  readonly ended: () => string | undefined;
  /** What it has written since this start, newest last. */
  readonly lastLines: (count: number) => string[];
  /** Asks it to end; SIGKILL after `deadlineMs`. Done when it has ended; harmless when it already has. */
  readonly stop: (deadlineMs: number) => Promise<void>;
  /** SIGKILL; done when it has ended. */
  readonly kill: () => Promise<void>;
}

export interface ChildServerOptions {
  command: string;
  args: readonly string[];
  logFile: string;
  stopSignal: NodeJS.Signals;
  cwd: string;
  /** The whole environment: nothing is inherited, so no secret of this process is. */
  env: Record<string, string>;
  account?: { uid: number; gid: number } | undefined;
}

const logFileBytesKept = 8 * 1024 * 1024;

const watcher = `
read -r line
kill -s "$2" "$1" 2>/dev/null || exit 0
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 0.5
  kill -s 0 "$1" 2>/dev/null || exit 0
done
kill -s KILL "$1"
`;

export async function spawnServer(options: ChildServerOptions): Promise<ChildServer> {
  const { command, args, logFile, stopSignal, cwd, env, account } = options;
  const { file, offset } = openLogFile(logFile);
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', file, file], detached: true, ...account });
  closeSync(file);

  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new SetupError(`'${command}' cannot be run: ${error.message}.`, { cause: error })));
  });
  const pid = child.pid as number;
  const guard = spawn('/bin/sh', ['-c', watcher, 'watcher', String(pid), stopSignal.slice('SIG'.length)], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  let reason: string | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      // Before anything else: the watcher must not signal a process id that is no longer ours.
      guard.kill('SIGKILL');
      reason = signal ? `signal ${signal}` : `exit code ${code}`;
      resolve(reason);
    });
  });
  guard.once('error', () => child.kill('SIGKILL'));
  guard.stdin.on('error', () => {});
  for (const handle of [child, guard, guard.stdin as unknown as { unref(): void }]) {
    handle.unref();
  }

  return {
    pid,
    exited,
    ended: () => reason,
    lastLines: (count) =>
      readFileSync(logFile)
        .subarray(offset)
        .toString('utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-count),
    kill: async () => {
      child.kill('SIGKILL');
      child.ref();
      await exited;
    },
    stop: async (deadlineMs) => {
      if (reason !== undefined) return;
      child.kill(stopSignal);
      child.ref();
      const late = new AbortController();
      const killed = delay(deadlineMs, undefined, { signal: late.signal }).then(
        () => child.kill('SIGKILL'),
        () => {},
      );
      await exited;
      late.abort();
      await killed;
    },
  };
}

/** Appends, so that what a killed server said stays; the file before is kept once as `.1` when it has grown large. */
function openLogFile(logFile: string): { file: number; offset: number } {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logFileBytesKept) renameSync(logFile, `${logFile}.1`);
  return { file: openSync(logFile, 'a', 0o600), offset: size > logFileBytesKept ? 0 : size };
}
