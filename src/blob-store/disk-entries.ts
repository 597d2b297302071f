/**
 * What is in the directories of a store on disk. Directories exist by their contents: one that holds no blob, which a
 * crash between making it and filling it leaves behind, is taken for missing.
 */
import { lstat, opendir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobWrongKindError } from '../errors.ts';
import { fromDiskName, toDiskName } from './disk-name.ts';
import { hasCode } from './file-error.ts';

export function diskPath(root: string, path: readonly string[]): string {
  return join(root, ...path.map(toDiskName));
}

/** Names and kinds, empty for a missing directory. Fails with the file system's ENOTDIR where it is a file. */
export async function readDirectory(directory: string): Promise<Map<string, 'blob' | 'directory'>> {
  const entries = new Map<string, 'blob' | 'directory'>();
  let found: Awaited<ReturnType<typeof readEntries>>;
  try {
    found = await readEntries(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return entries;
    }
    throw error;
  }
  for (const entry of found) {
    const name = fromDiskName(entry.name);
    if (name !== undefined && (entry.isFile() || entry.isDirectory())) {
      entries.set(name, entry.isFile() ? 'blob' : 'directory');
    }
  }
  return entries;
}

function readEntries(directory: string) {
  return readdir(directory, { withFileTypes: true });
}

/** Whether there is a blob anywhere below. Stops at the first one. */
export async function holdsBlobs(directory: string): Promise<boolean> {
  try {
    for await (const entry of await opendir(directory)) {
      if (fromDiskName(entry.name) === undefined) {
        continue;
      }
      if (entry.isFile() || (entry.isDirectory() && (await holdsBlobs(join(directory, entry.name))))) {
        return true;
      }
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) {
      throw error;
    }
  }
  return false;
}

/** What stands in the way of `path`: a blob where a directory has to be, or a directory that holds blobs in a blob's place. */
export async function findWrongKind(
  root: string,
  path: readonly string[],
  wanted: 'blob' | 'directory',
): Promise<BlobWrongKindError | undefined> {
  for (let depth = 1; depth <= path.length; depth += 1) {
    const part = path.slice(0, depth);
    const isTarget = depth === path.length && wanted === 'blob';
    let entry: Awaited<ReturnType<typeof lstat>>;
    try {
      entry = await lstat(diskPath(root, part));
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) {
        return undefined;
      }
      throw error;
    }
    if (!isTarget && entry.isFile()) {
      return new BlobWrongKindError(part.join('/'), 'blob');
    }
    if (isTarget && entry.isDirectory() && (await holdsBlobs(diskPath(root, part)))) {
      return new BlobWrongKindError(part.join('/'), 'directory');
    }
  }
  return undefined;
}
