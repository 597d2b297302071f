/**
 * The settings of a process: the only reader of `process.env`. Typed, checked once, frozen.
 *
 * A bad value is refused before anything is connected or written, in one line that names the variable, the value and what it may be.
 * An empty variable counts as one that is not set. Passwords and keys are never part of a message.
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import { blobLocation, blobLocationProblem } from './blob-store/blob-location.ts';
import { durationMs } from './duration.ts';
import { SetupError } from './errors.ts';
import { webhookSecretProblem } from './jobs/webhook-signature.ts';
import { type TemporalSettings, temporalSettings } from './temporal/settings.ts';
import { allowedHostProblem } from './workbooks/allowed-hosts.ts';
import type { SourceSettings } from './workbooks/source-context.ts';

export type LogLevel = (typeof LOG_LEVELS)[number];

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
  readonly http: HttpConfig;
  /** Where a worker or starter offers its metrics and health; undefined: nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  /** Who is told of units that became dead. */
  readonly onDead: { readonly url: string; readonly secret: string | undefined } | undefined;
  /** Hosts that downloads may reach. */
  readonly sourceHosts: readonly string[];
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

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `use a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `use a whole number from ${least} to ${most}`)
    .optional();

const VARIABLES = z.object({
  DATABASE_URL: z.string().refine(isPostgresUrl, 'use an address such as postgres://user@host:5432/database').optional(),
  TEMPORAL_ADDRESS: z.string().refine(isHostAndPort, 'use HOST:PORT, without http://').optional(),
  TEMPORAL_NAMESPACE: z
    .string()
    .regex(/^\S{1,255}$/, 'use 1 to 255 characters without spaces')
    .optional(),
  TEMPORAL_API_KEY: z.string().optional(),
  TEMPORAL_CONFIG_FILE: z
    .string()
    .refine((path) => existsSync(path), 'there is no such file')
    .optional(),
  TEMPORAL_PROFILE: z.string().optional(),
  TEMPORAL_CLI: z.string().optional(),
  TEMPORAL_UI_URL: z.string().refine(isHttpUrl, 'use the address of the web UI, such as https://temporal.example.com').optional(),
  TIDEMARK_SCHEMA: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'use 1 to 63 of a-z, 0-9 and _, not starting with a digit')
    .default('tidemark'),
  TIDEMARK_BLOBS: z
    .string()
    .superRefine((value, context) => {
      const message = blobLocationProblem(value);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .optional(),
  AWS_ENDPOINT_URL: z.string().refine(isHttpUrl, 'use an address such as https://s3.example.com, without user or password').optional(),
  AWS_ENDPOINT_URL_S3: z.string().refine(isHttpUrl, 'use an address such as https://s3.example.com, without user or password').optional(),
  TIDEMARK_DATA: z.string().default('.tidemark'),
  TIDEMARK_POSTGRES_PORT: whole(1, 65_535),
  TIDEMARK_TEMPORAL_PORT: whole(1, 65_535),
  TIDEMARK_UI_PORT: whole(1, 65_535),
  TIDEMARK_MAX_IN_FLIGHT: whole(1, 1_000),
  TIDEMARK_CACHE_BYTES: whole(0, 64 * 2 ** 30),
  TIDEMARK_GC_EVERY: z
    .string()
    .default('1d')
    .refine(
      (text) => text === 'off' || (durationMs(text) ?? 0) >= 60_000,
      "use a duration of at least a minute such as 12h or 1d, or 'off'",
    ),
  TIDEMARK_GC_GRACE: z
    .string()
    .default('24h')
    .refine((text) => durationMs(text) !== undefined, 'use a duration such as 90m, 24h or 7d'),
  TIDEMARK_HTTP_HOST: z
    .string()
    .regex(/^[0-9A-Za-z.:-]{1,253}$/, 'use the name or address of a network interface, such as 127.0.0.1')
    .default('127.0.0.1'),
  TIDEMARK_HTTP_PORT: whole(0, 65_535),
  TIDEMARK_HTTP_BASE_PATH: z
    .string()
    .regex(/^(\/(?!\.{1,2}(\/|$))[\w.~-]+)+\/?$/, 'use a path such as /tidemark')
    .transform((path) => path.replace(/\/$/, ''))
    .default(''),
  TIDEMARK_HTTP_TRUST_PROXY: z
    .string()
    .transform((text) => text.split(',').map((address) => address.trim()))
    .refine((addresses) => addresses.every(isAddressRange), 'use addresses of proxies, such as 10.0.0.0/8,127.0.0.1')
    .optional(),
  TIDEMARK_HTTP_REQUESTS_PER_MINUTE: whole(0, 10_000_000).default(12_000),
  TIDEMARK_HTTP_MAX_CONNECTIONS: whole(1, 1_000_000).default(5_000),
  TIDEMARK_HTTP_STALL_TIMEOUT: z
    .string()
    .default('60s')
    .refine((text) => between(durationMs(text), 1_000, 86_400_000), 'use a duration from 1s to 1d, such as 60s or 5m'),
  TIDEMARK_AUTH: z.enum(['tokens', 'off'], "use 'tokens', or 'off' on 127.0.0.1").optional(),
  TIDEMARK_METRICS: z.string().transform(metricsAddress).optional(),
  TIDEMARK_ON_DEAD_URL: z
    .string()
    .refine(isHttpUrl, 'use an address such as https://example.com/hook, without user or password')
    .optional(),
  TIDEMARK_ON_DEAD_SECRET: z
    .string()
    .superRefine((value, context) => {
      const message = webhookSecretProblem(value);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .optional(),
  TIDEMARK_SOURCE_HOSTS: z
    .string()
    .transform((text) => text.split(',').map((host) => host.trim().toLowerCase()))
    .superRefine((hosts, context) => {
      const message = hosts.map(allowedHostProblem).find((problem) => problem !== undefined);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `use one of ${LOG_LEVELS.join(', ')}`).default('info'),
  CI: z.string().optional(),
});

/** Their values stay out of messages, as do addresses of databases wherever they stand. */
const SECRET = new Set([
  'DATABASE_URL',
  'TEMPORAL_API_KEY',
  'TIDEMARK_BLOBS',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'TEMPORAL_UI_URL',
  'TIDEMARK_ON_DEAD_URL',
  'TIDEMARK_ON_DEAD_SECRET',
]);

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws SetupError naming the first variable that is wrong */
export function loadConfig(environment: Environment = process.env, directory: string = process.cwd()): Config {
  const set = Object.fromEntries(Object.entries(environment).filter((pair): pair is [string, string] => Boolean(pair[1])));
  const parsed = VARIABLES.safeParse(set);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    const is = SECRET.has(name) || isPostgresUrl(set[name] ?? '') ? 'cannot be used' : `is '${(set[name] ?? '').slice(0, 100)}'`;
    throw new SetupError(`${name} ${is}: ${issue?.message}.`);
  }
  const variables = parsed.data;
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
    sourceHosts: Object.freeze(variables.TIDEMARK_SOURCE_HOSTS ?? []),
    uiUrl: variables.TEMPORAL_UI_URL,
    temporalCli: variables.TEMPORAL_CLI,
    logLevel: variables.LOG_LEVEL,
    ci: Boolean(variables.CI) && variables.CI !== 'false' && variables.CI !== '0',
  };
  return Object.freeze(config);
}

/** For the sources of workbooks: secrets are read where they are needed, and are no part of the settings. @throws SetupError */
export function loadSourceSettings(environment: Environment = process.env): SourceSettings {
  return { allowedHosts: loadConfig(environment).sourceHosts, secret: (name) => environment[name] || undefined };
}

/** The environment of a process that this one starts: its own, with some variables set anew. */
export function childEnvironment(changes: Record<string, string>): Record<string, string> {
  const own = Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { ...Object.fromEntries(own), ...changes };
}

function isPostgresUrl(value: string): boolean {
  try {
    const { protocol, hostname } = new URL(value);
    // Without a host: a Unix socket, named by ?host=.
    return (protocol === 'postgres:' || protocol === 'postgresql:') && (hostname !== '' || value.includes('host='));
  } catch {
    return false;
  }
}

function between(value: number | undefined, least: number, most: number): boolean {
  return value !== undefined && value >= least && value <= most;
}

function isHttpUrl(value: string): boolean {
  try {
    const { protocol, username, password } = new URL(value);
    return /^https?:$/.test(protocol) && username === '' && password === '';
  } catch {
    return false;
  }
}

/** An address of IPv4 or IPv6, or a range of them: 10.0.0.0/8. */
function isAddressRange(value: string): boolean {
  const [address = '', bits, ...more] = value.split('/');
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] as number;
  return most > 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
}

/** Who the secret is for would be nobody: a setting that was misspelt is better found than left without effect. */
function onDeadOf({ TIDEMARK_ON_DEAD_URL: url, TIDEMARK_ON_DEAD_SECRET: secret }: z.output<typeof VARIABLES>): Config['onDead'] {
  if (url === undefined && secret !== undefined) {
    throw new SetupError('TIDEMARK_ON_DEAD_SECRET is set without TIDEMARK_ON_DEAD_URL: set both, or neither.');
  }
  return url === undefined ? undefined : Object.freeze({ url, secret });
}

/** HOST:PORT, or a port of this machine alone. */
function metricsAddress(text: string, context: z.RefinementCtx): { host: string; port: number } {
  const [, ipv6, name, digits] = /^(?:(?:\[([0-9a-fA-F:]+)\]|([0-9A-Za-z.-]+)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    context.addIssue({ code: 'custom', message: 'use HOST:PORT such as 0.0.0.0:9464, or a port of 127.0.0.1' });
    return z.NEVER;
  }
  return { host: ipv6 ?? name ?? '127.0.0.1', port };
}

function isHostAndPort(value: string): boolean {
  const port = Number(/^[^\s/:]+:(\d{1,5})$/.exec(value)?.[1] ?? /^\[[0-9a-fA-F:]+\]:(\d{1,5})$/.exec(value)?.[1]);
  return port >= 1 && port <= 65_535;
}
