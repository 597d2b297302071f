/**
 * Removing blobs and the directories that they leave empty.
 *
 * Only what is empty is ever removed as a directory, so a blob written meanwhile stays; its writer makes a directory again
 * that went away under its feet. What is gone stays gone after a crash.
 */
import { readdir, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DirectoryDurability } from './directory-durability.ts';
import { fromDiskName } from './disk-name.ts';
import { hasCode } from './file-error.ts';

const UNLINKS_AT_ONCE = 32;

/** Fails with the file system's own error where `file` is a directory; succeeds where it is missing. */
export async function removeFile(root: string, file: string, durability: DirectoryDurability): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return;
    }
    throw error;
  }
  await settleEmptied(root, dirname(file), durability);
}

/** Removes a directory and all below it; of the root only what is below. Fails with ENOTDIR where it is a file. */
export async function removeTree(root: string, directory: string, durability: DirectoryDurability): Promise<void> {
  if (await removeBelow(directory, durability, unlink)) {
    await settleEmptied(root, directory, durability);
  }
}

/** Removes a directory, and those below it, as far as they hold no files; leaves a file alone. */
export async function removeEmptyTree(directory: string, durability: DirectoryDurability): Promise<void> {
  const keep = async () => {};
  await ignoring(['ENOTDIR'], removeBelow(directory, durability, keep));
  await removeIfEmpty(directory, durability);
}

/** @returns false where the directory is missing */
async function removeBelow(
  directory: string,
  durability: DirectoryDurability,
  removeOne: (file: string) => Promise<void>,
): Promise<boolean> {
  let entries: Awaited<ReturnType<typeof readEntries>>;
  try {
    entries = await readEntries(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return false;
    }
    throw error;
  }
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(directory, entry.name));
  for (let start = 0; start < files.length; start += UNLINKS_AT_ONCE) {
    await Promise.all(files.slice(start, start + UNLINKS_AT_ONCE).map((file) => ignoring(['ENOENT'], removeOne(file))));
  }
  for (const entry of entries) {
    // The store's own temporary directory holds the drafts of writes that are under way.
    if (entry.isDirectory() && fromDiskName(entry.name) !== undefined) {
      const below = join(directory, entry.name);
      await removeBelow(below, durability, removeOne);
      await removeIfEmpty(below, durability);
    }
  }
  return true;
}

/** Removes `directory` and its parents as far as they are empty, and puts on disk what has changed. */
async function settleEmptied(root: string, directory: string, durability: DirectoryDurability): Promise<void> {
  let at = directory;
  while (at !== root && (await removeIfEmpty(at, durability))) {
    at = dirname(at);
  }
  await durability.settle(at);
}

/** @returns whether it is gone */
async function removeIfEmpty(directory: string, durability: DirectoryDurability): Promise<boolean> {
  durability.forget(directory);
  try {
    await rmdir(directory);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) {
      return hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR') ? false : Promise.reject(error);
    }
  }
  return true;
}

function readEntries(directory: string) {
  return readdir(directory, { withFileTypes: true });
}

async function ignoring(codes: string[], done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!hasCode(error, ...codes)) {
      throw error;
    }
  }
}
