/**
 * A blob store in this process' memory: for tests, and for use without anything to keep.
 *
 * Content is copied on the way in and on the way out. A directory is in the tree only while it holds something.
 */
import { BlobNotFoundError, BlobWrongKindError } from '../errors.ts';
import { checkPageSize } from '../page-size.ts';
import { checkBlobName } from './blob-name.ts';
import type { BlobDir, BlobQueryValue, BlobStore } from './blob-store.ts';
import { pageOfNames } from './page.ts';

type Directory = Map<string, Uint8Array | Directory>;

export interface MemoryBlobStoreOptions {
  /** Most names in one page of `query`. */
  pageSize?: number;
}

export function createMemoryBlobStore({ pageSize = 1_000 }: MemoryBlobStoreOptions = {}): BlobStore {
  checkPageSize(pageSize);
  const root: Directory = new Map();
  return {
    async getRootDir() {
      return memoryDir(root, [], pageSize);
    },
  };
}

function memoryDir(root: Directory, path: readonly string[], pageSize: number): BlobDir {
  const pathOf = (name: string) => [...path, name].join('/');
  const entryOf = (name: string) => {
    checkBlobName(name);
    return findDirectory(root, path)?.get(name);
  };
  return {
    async readBlob(name) {
      const entry = entryOf(name);
      if (entry === undefined) {
        throw new BlobNotFoundError(pathOf(name));
      }
      if (entry instanceof Map) {
        throw new BlobWrongKindError(pathOf(name), 'directory');
      }
      return new Uint8Array(entry);
    },
    async writeBlob(name, content) {
      if (entryOf(name) instanceof Map) {
        throw new BlobWrongKindError(pathOf(name), 'directory');
      }
      makeDirectory(root, path).set(name, new Uint8Array(content));
    },
    async removeBlob(name) {
      if (entryOf(name) instanceof Map) {
        throw new BlobWrongKindError(pathOf(name), 'directory');
      }
      findDirectory(root, path)?.delete(name);
      removeEmptied(root, path);
    },
    async getDir(name) {
      if (entryOf(name) instanceof Uint8Array) {
        throw new BlobWrongKindError(pathOf(name), 'blob');
      }
      return memoryDir(root, [...path, name], pageSize);
    },
    async query(continuation) {
      const directory: Directory = findDirectory(root, path) ?? new Map();
      const page = pageOfNames(directory.keys(), path.join('/'), pageSize, continuation);
      const value: BlobQueryValue = { blobs: [], dirs: [] };
      for (const name of page.names) {
        (directory.get(name) instanceof Map ? value.dirs : value.blobs).push(name);
      }
      return page.continuation === undefined ? value : { ...value, continuation: page.continuation };
    },
    async removeAll() {
      findDirectory(root, path)?.clear();
      removeEmptied(root, path);
    },
  };
}

function findDirectory(root: Directory, path: readonly string[]): Directory | undefined {
  let directory = root;
  for (const [depth, name] of path.entries()) {
    const next = directory.get(name);
    if (next instanceof Uint8Array) {
      throw new BlobWrongKindError(path.slice(0, depth + 1).join('/'), 'blob');
    }
    if (next === undefined) {
      return undefined;
    }
    directory = next;
  }
  return directory;
}

function makeDirectory(root: Directory, path: readonly string[]): Directory {
  let directory = root;
  for (const name of path) {
    let next = directory.get(name);
    if (!(next instanceof Map)) {
      next = new Map();
      directory.set(name, next);
    }
    directory = next;
  }
  return directory;
}

function removeEmptied(root: Directory, path: readonly string[]): void {
  for (let depth = path.length; depth > 0; depth -= 1) {
    if (findDirectory(root, path.slice(0, depth))?.size !== 0) {
      return;
    }
    findDirectory(root, path.slice(0, depth - 1))?.delete(path[depth - 1] as string);
  }
}
