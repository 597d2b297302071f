/**
 * Writes a file so that, whenever the machine stops, readers find the old content or the new one.
 *
 * A draft is written and synced in the store's own temporary directory, renamed into place, and its directory synced.
 * Directories are made only when the rename finds none, and made again should someone remove them, emptied, in between.
 * Drafts that a crash left behind are removed before the first write of a store, and by garbage collection, once they are an hour old: no write takes as long.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DirectoryDurability, syncDirectory } from './directory-durability.ts';
import { TEMPORARY_DIRECTORY } from './disk-name.ts';
import { hasCode } from './file-error.ts';

const ABANDONED_AFTER_MS = 60 * 60 * 1_000;
/** Each one needs someone to remove the directory between two of our calls. */
const MAX_TRIES = 100;

/** Fails with the file system's own error, nothing having changed. */
export type BlobFileWriter = (directory: string, name: string, content: Uint8Array) => Promise<void>;

export function createBlobFileWriter(root: string, durability: DirectoryDurability): BlobFileWriter {
  const temporary = join(root, TEMPORARY_DIRECTORY);
  const writer = randomUUID();
  let drafts = 0;
  let ready: Promise<void> | undefined;

  async function prepare(): Promise<void> {
    const created = await mkdir(temporary, { recursive: true });
    for (let at = temporary; created !== undefined && at.length >= created.length; at = dirname(at)) {
      await syncDirectory(dirname(at));
    }
    await removeAbandonedDrafts(root);
  }

  async function openDraft(draft: string) {
    for (let tries = 1; ; tries += 1) {
      ready ??= prepare();
      try {
        await ready;
        return await open(draft, 'wx');
      } catch (error) {
        ready = undefined;
        if (!hasCode(error, 'ENOENT') || tries === MAX_TRIES) {
          throw error;
        }
      }
    }
  }

  async function writeDraft(content: Uint8Array): Promise<string> {
    const draft = join(temporary, `${writer}-${drafts++}`);
    const handle = await openDraft(draft);
    try {
      await handle.writeFile(content);
      await handle.datasync();
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    return draft;
  }

  /** @returns the topmost directory that had to be made */
  async function place(draft: string, directory: string, name: string): Promise<string | undefined> {
    let created: string | undefined;
    for (let tries = 1; ; tries += 1) {
      try {
        await rename(draft, join(directory, name));
        return created;
      } catch (error) {
        if (!hasCode(error, 'ENOENT') || tries === MAX_TRIES) {
          throw error;
        }
      }
      durability.forget(directory);
      try {
        const made = await mkdir(directory, { recursive: true });
        created = shorter(created, made);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) {
          throw error;
        }
      }
    }
  }

  return async function write(directory, name, content) {
    const draft = await writeDraft(content);
    let created: string | undefined;
    try {
      created = await place(draft, directory, name);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    await durability.settle(directory, created);
  };
}

function shorter(one: string | undefined, other: string | undefined): string | undefined {
  return one === undefined || (other !== undefined && other.length < one.length) ? other : one;
}

/** @returns how many there were */
export async function removeAbandonedDrafts(root: string): Promise<number> {
  const temporary = join(root, TEMPORARY_DIRECTORY);
  let removed = 0;
  for (const name of await draftsIn(temporary)) {
    const draft = join(temporary, name);
    try {
      if ((await stat(draft)).mtimeMs < Date.now() - ABANDONED_AFTER_MS) {
        await rm(draft, { force: true });
        removed += 1;
      }
    } catch (error) {
      // Another process is placing it, or sweeps too.
      if (!hasCode(error, 'ENOENT')) {
        throw error;
      }
    }
  }
  return removed;
}

async function draftsIn(temporary: string): Promise<string[]> {
  try {
    return await readdir(temporary);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return [];
    }
    throw error;
  }
}
