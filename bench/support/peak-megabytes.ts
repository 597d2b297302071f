import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MemoryTask } from './memory-process.ts';

/** The most memory that a process takes which does this and nothing else. */
export function peakMegabytes(task: MemoryTask): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./memory-process.js', import.meta.url)), [JSON.stringify(task)]);
    child.once('message', (megabytes) => resolve(megabytes as number));
    child.once('exit', (code) => reject(new Error(`The process that measures memory ended with ${code}.`)));
  });
}
