/** Where a blob is in a store in Postgres: the names from the root down. */
import { BlobWrongKindError, InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { checkBlobName } from './blob-name.ts';

export type BlobPath = readonly string[];

/** A path is a key of an index, whose entries hold some 2,700 bytes: the names, and at most 7 bytes beside each. */
const MAX_PATH_NAMES = 50;
const MAX_PATH_BYTES = 2_000;

/** @throws InvalidBlobNameError; InvalidInputError for a path that is too long */
export function childPath(path: BlobPath, name: string): BlobPath {
  checkBlobName(name);
  const child = [...path, name];
  const bytes = child.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
  if (child.length > MAX_PATH_NAMES || bytes > MAX_PATH_BYTES) {
    throw new InvalidInputError(
      `A path of ${child.length} names and ${bytes} bytes is too long: use at most ${MAX_PATH_NAMES} names and ${MAX_PATH_BYTES} bytes of UTF-8.`,
    );
  }
  return child;
}

export const shownPath = (path: BlobPath): string => path.join('/');

/** Sorts behind a path and all that is below it, and before whatever else comes after: no name has a control character. */
export function endOf(path: BlobPath): BlobPath {
  return [...path.slice(0, -1), `${path.at(-1)}\u0001`];
}

/** What keeps `path` from being a blob, or a directory: of another kind itself, or a blob above it. */
export async function findWrongKind(db: Database, path: BlobPath, wanted: 'blob' | 'directory'): Promise<BlobWrongKindError | undefined> {
  if (path.length === 0) {
    return undefined;
  }
  const { rows } = await db.query(
    `select ${db.schema}.blob_above($1::text[]) as above, $3::boolean and ${db.schema}.is_blob_directory($2::text[]) as is_directory`,
    [wanted === 'blob' ? path.slice(0, -1) : path, path, wanted === 'blob'],
  );
  const [{ above, is_directory: isDirectory }] = rows;
  if (above !== null) {
    return new BlobWrongKindError(shownPath(above), 'blob');
  }
  return isDirectory ? new BlobWrongKindError(shownPath(path), 'directory') : undefined;
}
