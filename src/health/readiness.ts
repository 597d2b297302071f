/**
 * Whether a process can do its work: what it needs answers. Asked by load balancers and health checks, by anybody, and often: each look is bounded, shared
 * by whoever asks meanwhile, and says which dependency is missing without saying where it is.
 */

import type { BlobStore } from '../blob-store/blob-store.ts';
import { BlobNotFoundError, SetupError } from '../errors.ts';
import { atMostEvery } from '../metrics/at-most-every.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { requireMigrated } from '../postgres/require-migrated.ts';
import { within } from './within.ts';

export interface Check {
  /** As the answer names it: `postgres`, `blobs`, `temporal`. */
  name: string;
  /** Throws while it is not there. */
  look: () => Promise<unknown>;
}

/** What is missing: `<name>: <why>`; nothing where all is there. */
export type Readiness = () => Promise<string[]>;

const LOOK_MS = 3_000;
const FRESH_MS = 1_000;

/** @param lookMs what takes longer does not answer */
export function createReadiness(checks: readonly Check[], { lookMs = LOOK_MS } = {}): Readiness {
  return atMostEvery(FRESH_MS, async () => {
    const missing = await Promise.all(
      checks.map(async ({ name, look }) => {
        try {
          await within(lookMs, name, look());
          return [];
        } catch (error) {
          // What a person has to change is said; of anything else doctor and the log say more, to those who may know.
          return [`${name}: ${error instanceof SetupError ? error.message : 'does not answer'}`];
        }
      }),
    );
    return missing.flat();
  });
}

/** Answers, with this version's migrations. */
export function checkPostgres(queryable: Queryable, schema: string): Check {
  return { name: 'postgres', look: () => requireMigrated(queryable, schema) };
}

/** No store has a blob of this name. */
const MISSING = 'tidemark-health-looks-for-this';

/** Can be read. */
export function checkBlobs(blobs: BlobStore): Check {
  return {
    name: 'blobs',
    async look() {
      const root = await blobs.getRootDir();
      await root.readBlob(MISSING).catch((error: unknown) => {
        if (!(error instanceof BlobNotFoundError)) throw error;
      });
    },
  };
}
