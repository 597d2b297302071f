/**
 * A store of named immutable-when-read byte arrays in directories that exist by their contents.
 *
 * Names: 1 to 100 characters, no control characters, none of <>:"/\|?*, not '.' or '..'.
 * A write is atomic, also after a crash: the old content or the new, never a part.
 */
export interface BlobStore {
  getRootDir(): Promise<BlobDir>;
  /** Removes what writes have left behind whose process died, once it is too old to be under way; absent: there is nothing of the kind. @returns how much */
  removeLeftovers?(): Promise<number>;
}

export interface BlobQueryValue {
  blobs: string[];
  dirs: string[];
  /** Opaque, bound to its directory; absent on the last page. */
  continuation?: string;
}

export interface BlobDir {
  /** A plain Uint8Array of the caller's own. @throws BlobNotFoundError, BlobWrongKindError, InvalidBlobNameError */
  readBlob(name: string): Promise<Uint8Array>;
  /** @throws BlobWrongKindError when `name` is a directory */
  writeBlob(name: string, content: Uint8Array): Promise<void>;
  /** Succeeds for a missing blob. @throws BlobWrongKindError when `name` is a directory */
  removeBlob(name: string): Promise<void>;
  /** Needs no directory to be there yet. @throws BlobWrongKindError when `name` is a blob */
  getDir(name: string): Promise<BlobDir>;
  /** One page of names. @throws NoContinuationError for another directory's continuation */
  query(continuation?: string): Promise<BlobQueryValue>;
  /** Removes this directory and all below it. */
  removeAll(): Promise<void>;
}
