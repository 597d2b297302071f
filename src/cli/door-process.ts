/**
 * Workers, servers and readers of changes in processes of their own: `tidemark worker`, `tidemark server`, `tidemark cdc`, as a user would start them. None outlives this process. Their output
 * goes to a file, and line by line to whoever asks.
 */
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../config.ts';
import { type ChildServer, spawnServer } from '../embedded/child-server.ts';
import { SetupError } from '../errors.ts';

export interface DoorProcess extends ChildServer {
  /** Settles when it works. @throws SetupError with its last words where it ends before, or takes too long */
  untilRunning(): Promise<void>;
}

export type Door = 'worker' | 'server' | 'cdc';

export interface DoorProcessOptions {
  door: Door;
  args?: readonly string[];
  /** Variables set anew; the others are this process's own. */
  env?: Record<string, string>;
  logFile: string;
  onLine?: (line: string) => void;
}

const START_DEADLINE_MS = 90_000;
const LOOK_EVERY_MS = 100;

export async function startDoorProcess({ door, args = [], env = {}, logFile, onLine }: DoorProcessOptions): Promise<DoorProcess> {
  const cli = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../cli.ts' : '../cli.js', import.meta.url));
  const stopFollowing = onLine && followFile(logFile, onLine);
  const child = await spawnServer({
    command: process.execPath,
    args: [...process.execArgv, cli, door, ...args],
    logFile,
    stopSignal: 'SIGTERM',
    cwd: process.cwd(),
    // Its lines are read here, whatever the level of this process; what it is, the door says.
    env: childEnvironment({ LOG_LEVEL: 'info', SERVICE_TYPE: '', ...env }),
  });
  child.exited.then(() => stopFollowing?.());
  return {
    ...child,
    async untilRunning() {
      const deadline = performance.now() + START_DEADLINE_MS;
      while (!child.lastLines(500).some((line) => messageOf(line)?.message === 'running')) {
        if (child.ended() !== undefined) throw new SetupError(`The ${door} ended: ${lastWords(child)}`);
        if (performance.now() > deadline) throw new SetupError(`The ${door} does not start: ${lastWords(child)} (its log: ${logFile})`);
        await delay(LOOK_EVERY_MS);
      }
    },
  };
}

/** What it said last, for a person; of an error: the line that the command itself would show. */
export function lastWords(child: Pick<ChildServer, 'lastLines' | 'ended'>): string {
  const line = child.lastLines(1)[0];
  if (line === undefined) {
    return child.ended() ?? 'it said nothing';
  }
  return (messageOf(line)?.message ?? line).replace(/^tidemark: /, '');
}

/** Of a log line: its level (30 info, 40 warn, 50 error) and message; undefined for a line of another kind. */
export function messageOf(line: string): { level: number; message: string } | undefined {
  try {
    const { level, msg } = JSON.parse(line);
    return typeof level === 'number' ? { level, message: String(msg ?? '') } : undefined;
  } catch {
    return undefined;
  }
}

/** From its present end on. */
function followFile(path: string, onLine: (line: string) => void): () => void {
  let offset = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  let rest = '';
  const look = () => {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size < offset) offset = 0;
    if (size === offset) return;
    const lines = (rest + readFileSync(path).subarray(offset, size).toString('utf8')).split('\n');
    offset = size;
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  };
  const timer = setInterval(look, LOOK_EVERY_MS * 2);
  timer.unref();
  return () => {
    clearInterval(timer);
    look();
  };
}
