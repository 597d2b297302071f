/**
 * The settings of a process. Typed, checked once, frozen. With settings/job-settings.ts and settings/source-settings.ts the only reader of `process.env`.
 *
 * A bad value is refused before anything is connected or written, in one line that names the variable, the value and what it may be.
 * An empty variable counts as one that is not set. Passwords and keys are never part of a message.
 */
import { resolve } from 'node:path';
import type { z } from 'zod';
import { blobLocation } from './blob-store/blob-location.ts';
import { durationMs } from './duration.ts';
import { SetupError } from './errors.ts';
import { type JobSettings, jobSettingsOf } from './settings/job-settings.ts';
import { type Environment, readVariables, setVariables } from './settings/setting.ts';
import { isPostgresUrl, type LogLevel, SECRET, VARIABLES } from './settings/variables.ts';
import { type TemporalSettings, temporalSettings } from './temporal/settings.ts';

export interface Config {
  readonly databaseUrl: string | undefined;
  readonly temporal: TemporalSettings;
  readonly schema: string;
  /** Where the blobs are, for openBlobStore: a folder, absolute as the other paths, or an address; undefined: `blobs` in `dataDir`. */
  readonly blobs: string | undefined;
  /** What `tidemark dev` keeps. */
  readonly dataDir: string;
  /** Undefined: a free one. */
  readonly ports: { readonly postgres: number | undefined; readonly temporal: number | undefined; readonly ui: number | undefined };
  /** Units that run alone at once, per installation; undefined: the default of the starter. */
  readonly maxInFlight: number | undefined;
  /** Decoded manifests and tiles kept in memory; undefined: the default of the cache. */
  readonly cacheBytes: number | undefined;
  /** When blobs that nothing refers to are collected, and how long they stay before that. */
  readonly garbage: { readonly everyMs: number | undefined; readonly graceMs: number };
  readonly jobs: JobSettings;
  readonly http: HttpConfig;
  /** Where a worker or starter offers its metrics and health; undefined: nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  /** Who is told of units that became dead. */
  readonly onDead: { readonly url: string; readonly secret: string | undefined } | undefined;
  /** Of Temporal's web UI, for links; undefined: that of a running dev, or none. */
  readonly uiUrl: string | undefined;
  readonly temporalCli: string | undefined;
  readonly logLevel: LogLevel;
  /** Nobody watches: plain lines, no animation. */
  readonly ci: boolean;
}

/** Where the server listens, who may ask it, and how much. */
export interface HttpConfig {
  readonly host: string;
  /** Undefined: 7420. */
  readonly port: number | undefined;
  /** Undefined: tokens; in dev: off. */
  readonly auth: 'tokens' | 'off' | undefined;
  /** Where a browser finds it: '' for the root. */
  readonly basePath: string;
  /** Whose X-Forwarded-… headers are believed. */
  readonly trustProxy: readonly string[] | undefined;
  /** Of one caller; undefined: as many as they like. */
  readonly requestsPerMinute: number | undefined;
  readonly maxConnections: number;
  /** How long an answer waits for a reader who takes nothing of it. */
  readonly stallTimeoutMs: number;
}

export const DEFAULT_HTTP_PORT = 7420;

/** @throws SetupError naming the first variable that is wrong */
export function loadConfig(environment: Environment = process.env, directory: string = process.cwd()): Config {
  const set = setVariables(environment);
  const variables = readVariables(VARIABLES, set, (name, value) => SECRET.has(name) || isPostgresUrl(value));
  const config: Config = {
    databaseUrl: variables.DATABASE_URL,
    temporal: temporalSettings(set, directory),
    schema: variables.TIDEMARK_SCHEMA,
    blobs:
      variables.TIDEMARK_BLOBS &&
      blobLocation(variables.TIDEMARK_BLOBS, { directory, s3Endpoint: variables.AWS_ENDPOINT_URL_S3 ?? variables.AWS_ENDPOINT_URL }),
    dataDir: resolve(directory, variables.TIDEMARK_DATA),
    ports: Object.freeze({
      postgres: variables.TIDEMARK_POSTGRES_PORT,
      temporal: variables.TIDEMARK_TEMPORAL_PORT,
      ui: variables.TIDEMARK_UI_PORT,
    }),
    maxInFlight: variables.TIDEMARK_MAX_IN_FLIGHT,
    cacheBytes: variables.TIDEMARK_CACHE_BYTES,
    garbage: Object.freeze({
      everyMs: durationMs(variables.TIDEMARK_GC_EVERY), // undefined for 'off'
      graceMs: durationMs(variables.TIDEMARK_GC_GRACE) as number,
    }),
    jobs: jobSettingsOf(variables),
    http: Object.freeze({
      host: variables.TIDEMARK_HTTP_HOST,
      port: variables.TIDEMARK_HTTP_PORT,
      auth: variables.TIDEMARK_AUTH,
      basePath: variables.TIDEMARK_HTTP_BASE_PATH,
      trustProxy: variables.TIDEMARK_HTTP_TRUST_PROXY,
      requestsPerMinute: variables.TIDEMARK_HTTP_REQUESTS_PER_MINUTE || undefined,
      maxConnections: variables.TIDEMARK_HTTP_MAX_CONNECTIONS,
      stallTimeoutMs: durationMs(variables.TIDEMARK_HTTP_STALL_TIMEOUT) as number,
    }),
    metrics: variables.TIDEMARK_METRICS && Object.freeze(variables.TIDEMARK_METRICS),
    onDead: onDeadOf(variables),
    uiUrl: variables.TEMPORAL_UI_URL,
    temporalCli: variables.TEMPORAL_CLI,
    logLevel: variables.LOG_LEVEL,
    ci: Boolean(variables.CI) && variables.CI !== 'false' && variables.CI !== '0',
  };
  return Object.freeze(config);
}

/** The environment of a process that this one starts: its own, with some variables set anew. */
export function childEnvironment(changes: Record<string, string>): Record<string, string> {
  const own = Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { ...Object.fromEntries(own), ...changes };
}

/** Who the secret is for would be nobody: a setting that was misspelt is better found than left without effect. */
function onDeadOf({ TIDEMARK_ON_DEAD_URL: url, TIDEMARK_ON_DEAD_SECRET: secret }: z.output<typeof VARIABLES>): Config['onDead'] {
  if (url === undefined && secret !== undefined) {
    throw new SetupError('TIDEMARK_ON_DEAD_SECRET is set without TIDEMARK_ON_DEAD_URL: set both, or neither.');
  }
  return url === undefined ? undefined : Object.freeze({ url, secret });
}
