/** What doctor says about the place of the blobs. Nothing is written: whether writing is allowed shows in a folder, and not in S3. */
import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseBlobLocation, type S3Location } from '../blob-store/blob-location.ts';
import { openS3BlobStore } from '../blob-store/open-blob-store.ts';
import { BlobNotFoundError, errorMessage } from '../errors.ts';
import type { Finding } from './finding.ts';

/** No store has a blob of this name. */
const MISSING = 'tidemark-doctor-looks-for-this';

/** @returns undefined for blobs in the database: the checks of Postgres look after those */
export async function checkBlobs(location: string): Promise<Finding | undefined> {
  const parsed = parseBlobLocation(location);
  switch (parsed.kind) {
    case 'directory':
      return checkFolder(parsed.path);
    case 's3':
      return checkBucket(location, parsed);
    case 'postgres':
      return undefined;
  }
}

/** A listing, and a read that has to find nothing: the rights that reading takes. */
async function checkBucket(location: string, parsed: S3Location): Promise<Finding> {
  try {
    const root = await (await openS3BlobStore(parsed)).getRootDir();
    await root.query();
    await root.readBlob(MISSING).catch((error: unknown) => {
      if (!(error instanceof BlobNotFoundError)) throw error;
    });
    return { check: 'blobs', state: 'ok', found: `${location} can be listed and read (writing is not tried)` };
  } catch (error) {
    return {
      check: 'blobs',
      state: 'wrong',
      found: `${location}: ${errorMessage(error)}`,
      fix: 'See the message, and the blobs section of docs/operations.md.',
    };
  }
}

async function checkFolder(directory: string): Promise<Finding> {
  let nearest = directory;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  try {
    await access(nearest, constants.R_OK | constants.W_OK);
    return { check: 'blobs', state: 'ok', found: nearest === directory ? directory : `${directory} (made when it is needed)` };
  } catch (error) {
    return {
      check: 'blobs',
      state: 'wrong',
      found: errorMessage(error),
      fix: 'Give this user the folder, or set TIDEMARK_BLOBS to another.',
    };
  }
}
