/** What only one process of a run may do at once: the others wait for it, and look again. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const locks = fileURLToPath(new URL('../../node_modules/.cache/tidemark/locks', import.meta.url));

/** @param deadlineMs whoever has held it for so long is taken to be dead */
export async function oneAtATime<T>(name: string, body: () => Promise<T>, deadlineMs: number): Promise<T> {
  const lock = join(locks, name);
  await mkdir(locks, { recursive: true });
  while (!(await take(lock))) {
    const since = await stat(lock).catch(() => undefined);
    if (since && Date.now() - since.mtimeMs > deadlineMs) await rm(lock, { recursive: true, force: true });
    await delay(100);
  }
  try {
    return await body();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  }
}
