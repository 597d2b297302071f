import { createPool, type Pool } from '../postgres/pool.ts';

/**
 * For a worker's blobs in Postgres. Its units may hold a transaction while they write blobs: from one pool they could wait for each other. Many
 * snapshots at once wait here for their turn, so a connection may take its time. None is opened where the blobs are elsewhere.
 */
export function createBlobPool(connectionString: string, onError: (error: Error) => void): Pool {
  return createPool({ connectionString, max: 8, applicationName: 'tidemark worker blobs', connectionTimeoutMs: 30_000, onError });
}
