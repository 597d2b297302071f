/** Worker processes: spawned, awaited until they say that they are up, and killed. None outlives this one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly pid: number;
  /** The lines that it has printed, at most the last hundred. */
  readonly said: readonly string[];
  /** SIGKILL; done when it has ended. */
  kill(): Promise<void>;
}

const UP_DEADLINE_MS = 60_000;
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => void child.kill('SIGKILL')));

/** @param program of the compiled tree, from its root on. It gets `settings` as JSON, and prints `up`. */
export async function startChild(program: string, settings: unknown): Promise<Child> {
  const path = fileURLToPath(new URL(`../../${program}`, import.meta.url));
  const child = spawn(process.execPath, [path, JSON.stringify(settings)], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      running.delete(child);
      resolve();
    });
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`${program} ${reason}: ${said.slice(-5).join(' | ')}`));
    const late = setTimeout(() => void kill().then(() => fail('was not up in time')), UP_DEADLINE_MS);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        said.splice(0, said.length - 100);
        if (line === 'up') {
          clearTimeout(late);
          resolve();
        }
      });
    }
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      fail(`ended (${signal ?? code}) before it was up`);
    });
  });
  return { pid: child.pid as number, said, kill };
}
