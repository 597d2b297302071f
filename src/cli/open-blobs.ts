import type { BlobStore } from '../blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../blob-store/directory-blob-store.ts';
import { createPostgresBlobStore } from '../blob-store/postgres-blob-store.ts';
import { BLOBS_IN_POSTGRES } from '../config.ts';
import { createPool, type Pool } from '../postgres/pool.ts';
import type { Targets } from './targets.ts';

/** The blob store of the settings: of commands, and of a worker whose application has none of its own. `pool` is of the same database. */
export function openBlobs({ blobs, schema }: Targets, pool: Pool): BlobStore {
  return blobs === BLOBS_IN_POSTGRES ? createPostgresBlobStore({ pool, schema }) : createDirectoryBlobStore({ path: blobs });
}

/**
 * Of a worker, whose units may hold a transaction while they write blobs: from one pool they could wait for each other. Many snapshots at once wait
 * here for their turn, so a connection may take its time. None is opened where the blobs are in a folder.
 */
export function createBlobPool(connectionString: string, onError: (error: Error) => void): Pool {
  return createPool({ connectionString, max: 8, applicationName: 'tidemark worker blobs', connectionTimeoutMs: 30_000, onError });
}
