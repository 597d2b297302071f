/**
 * A blob store in a directory of its own: a blob is a file at `<path>/<directory>/…/<name>`.
 *
 * A write is on disk, with the way to it, before it resolves, and is never seen in part, also after a crash. Processes and
 * machines may share the directory where its file system renames atomically. Where the disk fails, calls fail with the
 * file system's error, which is worth another try. The directory is made by the first write.
 */
import { lstat, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BlobNotFoundError, BlobWrongKindError, InvalidInputError, SetupError } from '../errors.ts';
import { checkPageSize } from '../page-size.ts';
import { checkBlobName } from './blob-name.ts';
import type { BlobDir, BlobQueryValue, BlobStore } from './blob-store.ts';
import { createDirectoryDurability, type DirectoryDurability } from './directory-durability.ts';
import { diskPath, findWrongKind, holdsBlobs, readDirectory } from './disk-entries.ts';
import { toDiskName } from './disk-name.ts';
import { hasCode } from './file-error.ts';
import { pageOfNames } from './page.ts';
import { removeEmptyTree, removeFile, removeTree } from './remove-from-disk.ts';
import { type BlobFileWriter, createBlobFileWriter, removeAbandonedDrafts } from './write-blob-file.ts';

export interface DirectoryBlobStoreOptions {
  /** A directory for this store alone. */
  path: string;
  /** Most names in one page of `query`, each of which reads its directory once. */
  pageSize?: number;
}

interface Store {
  root: string;
  pageSize: number;
  durability: DirectoryDurability;
  writeFile: BlobFileWriter;
}

/** How file systems say that a path is a directory, or that a directory on its way is a file. */
const WRONG_KIND = ['EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'];
const MAX_TRIES = 3;

export function createDirectoryBlobStore({ path, pageSize = 1_000 }: DirectoryBlobStoreOptions): BlobStore {
  checkPageSize(pageSize);
  // TIDEMARK_BLOBS may be one, and a folder called `s3:` is what nobody means.
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) {
    throw new InvalidInputError("The blob store's path is an address, not a folder. For s3://… use createS3BlobStore of 'tidemark/s3'.");
  }
  const root = resolve(path);
  const durability = createDirectoryDurability(root);
  const store: Store = { root, pageSize, durability, writeFile: createBlobFileWriter(root, durability) };
  return {
    async getRootDir() {
      if (await isFile(root)) {
        throw new SetupError(`The blob store's path ${root} is a file. Give it a directory of its own.`);
      }
      return diskDir(store, []);
    },
    removeLeftovers: () => removeAbandonedDrafts(root),
  };
}

function diskDir(store: Store, path: readonly string[]): BlobDir {
  const { root, pageSize, durability, writeFile } = store;
  const directory = diskPath(root, path);
  const pathOf = (name: string) => [...path, name];
  const fileOf = (name: string) => {
    checkBlobName(name);
    return diskPath(root, pathOf(name));
  };
  return {
    async readBlob(name) {
      const file = fileOf(name);
      try {
        return ownBytes(await readFile(file));
      } catch (error) {
        if (hasCode(error, ...WRONG_KIND)) {
          throw (await findWrongKind(root, pathOf(name), 'blob')) ?? new BlobNotFoundError(pathOf(name).join('/'));
        }
        throw hasCode(error, 'ENOENT') ? new BlobNotFoundError(pathOf(name).join('/')) : error;
      }
    },
    async writeBlob(name, content) {
      const file = fileOf(name);
      for (let tries = 1; ; tries += 1) {
        try {
          return await writeFile(directory, toDiskName(name), content);
        } catch (error) {
          const wrongKind = hasCode(error, ...WRONG_KIND) ? await findWrongKind(root, pathOf(name), 'blob') : error;
          if (wrongKind || tries === MAX_TRIES) {
            throw wrongKind ?? error;
          }
        }
        // Only an empty directory is in its place, or what was in its way has gone.
        await removeEmptyTree(file, durability);
      }
    },
    async removeBlob(name) {
      const file = fileOf(name);
      try {
        await removeFile(root, file, durability);
      } catch (error) {
        const wrongKind = await findWrongKind(root, pathOf(name), 'blob');
        if (wrongKind || (await isFile(file)) || !hasCode(error, ...WRONG_KIND, 'EPERM')) {
          throw wrongKind ?? error;
        }
      }
    },
    async getDir(name) {
      if (await isFile(fileOf(name))) {
        throw (await findWrongKind(root, pathOf(name), 'directory')) ?? new BlobWrongKindError(pathOf(name).join('/'), 'blob');
      }
      return diskDir(store, pathOf(name));
    },
    async query(continuation) {
      const entries = await usingDirectory(() => readDirectory(directory));
      const page = pageOfNames(entries.keys(), path.join('/'), pageSize, continuation);
      const value: BlobQueryValue = { blobs: [], dirs: [] };
      for (const name of page.names) {
        if (entries.get(name) === 'blob') {
          value.blobs.push(name);
        } else if (await holdsBlobs(fileOf(name))) {
          value.dirs.push(name);
        }
      }
      return page.continuation === undefined ? value : { ...value, continuation: page.continuation };
    },
    async removeAll() {
      await usingDirectory(() => removeTree(root, directory, durability));
    },
  };

  async function usingDirectory<T>(use: () => Promise<T>): Promise<T> {
    try {
      return await use();
    } catch (error) {
      throw (hasCode(error, 'ENOTDIR') && (await findWrongKind(root, path, 'directory'))) || error;
    }
  }
}

/** Also true where a directory on the way is a file. */
async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return false;
    }
    if (hasCode(error, 'ENOTDIR')) {
      return true;
    }
    throw error;
  }
}

/** A plain array, of the caller's own: a small Buffer may share its memory with others. */
function ownBytes(buffer: Buffer): Uint8Array {
  return buffer.byteLength === buffer.buffer.byteLength ? new Uint8Array(buffer.buffer) : new Uint8Array(buffer);
}
