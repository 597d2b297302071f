/**
 * Makes names in directories survive a crash: a renamed or removed file is only safe once its directory is on disk, and a
 * new directory once its parent is.
 *
 * Callers that want the same directory on disk share an fsync: one that has not begun yet serves all that wait for it.
 * A directory that is gone needs nothing: whoever removed it sees to its parent.
 */
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from './file-error.ts';

const MAX_REMEMBERED_DIRECTORIES = 10_000;

export interface DirectoryDurability {
  /** The names in `directory` are on disk, and so is the way to it from the store's root. `created`: topmost directory that the caller has just made. */
  settle(directory: string, created?: string): Promise<void>;
  /** `directory` was removed: should it come back, its name is to be written again. */
  forget(directory: string): void;
}

/** @param root the store's directory, itself on disk */
export function createDirectoryDurability(root: string): DirectoryDurability {
  const queued = new Map<string, Promise<void>>();
  const running = new Map<string, Promise<void>>();
  const reachable = new Set<string>();

  function sync(directory: string): Promise<void> {
    const joined = queued.get(directory);
    if (joined) {
      return joined;
    }
    // A failure of the one before is told to its own callers.
    const before = running.get(directory)?.catch(() => {}) ?? Promise.resolve();
    const mine = before.then(async () => {
      queued.delete(directory);
      running.set(directory, mine);
      try {
        await syncDirectory(directory);
      } finally {
        if (running.get(directory) === mine) {
          running.delete(directory);
        }
      }
    });
    queued.set(directory, mine);
    return mine;
  }

  return {
    async settle(directory, created) {
      const way: string[] = [];
      const needed = [sync(directory)];
      for (let at = directory; at !== root; at = dirname(at)) {
        if (reachable.has(at) && (created === undefined || at.length < created.length)) {
          break;
        }
        way.push(at);
        needed.push(sync(dirname(at)));
      }
      await Promise.all(needed);
      if (reachable.size > MAX_REMEMBERED_DIRECTORIES) {
        reachable.clear();
      }
      for (const at of way) {
        reachable.add(at);
      }
    },
    forget(directory) {
      reachable.delete(directory);
    },
  };
}

export async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) {
      throw error;
    }
  }
}
