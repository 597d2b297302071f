/**
 * Whether a process can do its work: what it needs answers. Asked by load balancers and health checks, by anybody, and often: each look is bounded, shared
 * by whoever asks meanwhile, and says which dependency is missing and nothing more. Why, and where it is, is for those who run the process.
 */
import type { BlobStore } from '../blob-store/blob-store.ts';
import { BlobNotFoundError, errorMessage, SetupError } from '../errors.ts';
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

/** What is missing: `<name>: does not answer`, or `needs setup` where a person has to change something; nothing where all is there. */
export type Readiness = () => Promise<string[]>;

const LOOK_MS = 3_000;
const FRESH_MS = 1_000;

export interface ReadinessOptions {
  /** What takes longer does not answer. */
  lookMs?: number | undefined;
  /** Told what is wrong, in full, when that is new. */
  warn?: ((message: string) => void) | undefined;
}

export function createReadiness(checks: readonly Check[], { lookMs = LOOK_MS, warn }: ReadinessOptions = {}): Readiness {
  const said = new Map<string, string>();
  return atMostEvery(FRESH_MS, async () => {
    const missing = await Promise.all(
      checks.map(async ({ name, look }) => {
        try {
          await within(lookMs, name, look());
          said.delete(name);
          return [];
        } catch (error) {
          const message = errorMessage(error);
          if (said.get(name) !== message) {
            said.set(name, message);
            warn?.(`${name} is missing: ${message}`);
          }
          return [`${name}: ${error instanceof SetupError ? 'needs setup' : 'does not answer'}`];
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
