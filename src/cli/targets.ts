/** Which database, Temporal server and blobs a command works on: what is configured, else what a running `tidemark dev` offers. */
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { SetupError } from '../errors.ts';
import type { TemporalOptions } from '../temporal/connection.ts';
import { type DevEnvironment, readDevFile } from './dev-file.ts';

export interface Targets {
  databaseUrl: string;
  schema: string;
  temporal: TemporalOptions;
  /** Where the blobs are, for openBlobStore. */
  blobs: string;
  /** Of Temporal's web UI, where it is known. */
  uiUrl?: string;
  /** Of the server of a running `tidemark dev`. */
  serverUrl?: string;
}

/** @throws SetupError where there is no database */
export async function findTargets(config: Config): Promise<Targets> {
  const dev = await readDevFile(config.dataDir);
  const databaseUrl = config.databaseUrl ?? dev?.databaseUrl;
  if (databaseUrl === undefined) {
    throw new SetupError("There is no database: set DATABASE_URL, or run 'tidemark dev' in this folder and leave it running.");
  }
  // Dev's own places go with dev's own database, never with another one.
  const ofDev = databaseUrl === dev?.databaseUrl ? dev : undefined;
  return {
    databaseUrl,
    schema: ofDev?.schema ?? config.schema,
    temporal: temporalOf(config, dev),
    blobs: config.blobs ?? ofDev?.blobs ?? defaultBlobsDir(config),
    ...uiUrlOf(config, dev),
    ...(ofDev?.serverUrl === undefined ? {} : { serverUrl: ofDev.serverUrl }),
  };
}

export function defaultBlobsDir(config: Config): string {
  return join(config.dataDir, 'blobs');
}

function uiUrlOf({ uiUrl, temporal }: Config, dev: DevEnvironment | undefined): { uiUrl?: string } {
  const known = uiUrl ?? (temporal.configured ? undefined : dev?.uiUrl);
  return known === undefined ? {} : { uiUrl: known };
}

function temporalOf({ temporal }: Config, dev: DevEnvironment | undefined): TemporalOptions {
  if (temporal.configured || !dev) {
    return temporal;
  }
  return { address: dev.temporalAddress, namespace: dev.namespace };
}
