/** SIGKILL to a process and all its children, and the wait until they are gone. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** The process is stopped first, so that it makes no further child while its children are counted. */
export async function killTree(pid: number): Promise<void> {
  send(pid, 'SIGSTOP');
  const children = childrenOf(pid);
  for (const process of [pid, ...children]) send(process, 'SIGKILL');
  const deadline = performance.now() + 10_000;
  while (children.some(isRunning) && performance.now() < deadline) await delay(5);
}

function childrenOf(parent: number): number[] {
  if (process.platform === 'linux') {
    const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return processes.map(Number).filter((child) => readStat(child)?.parent === parent);
  }
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, itsParent]) => (itsParent === parent && child !== undefined ? [child] : []));
}

/** Dead children stay as zombies until whoever inherited them takes notice, which can be a second: they count as gone. */
function isRunning(pid: number): boolean {
  return process.platform === 'linux' ? (readStat(pid)?.state ?? 'Z') !== 'Z' : send(pid, 0);
}

function readStat(pid: number): { state: string | undefined; parent: number } | undefined {
  try {
    // The second field is the name in parentheses, which may itself hold spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** False where there is no such process any more. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
