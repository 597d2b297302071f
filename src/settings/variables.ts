/**
 * The variables of the environment that Tidemark reads, in the order of the table of docs/operations.md, which is made of them
 * (scripts/settings-table.mjs). A value that is not as it should be is refused at the start.
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { blobLocationProblem } from '../blob-store/blob-location.ts';
import { durationMs } from '../duration.ts';
import { webhookSecretProblem } from '../jobs/webhook-signature.ts';
import { JOB_VARIABLES } from './job-settings.ts';
import { setting, whole } from './setting.ts';
import { SOURCE_VARIABLES } from './source-settings.ts';

export type LogLevel = (typeof LOG_LEVELS)[number];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const VARIABLES = z.object({
  DATABASE_URL: setting(
    z.string().refine(isPostgresUrl, 'use an address such as postgres://user@host:5432/database').optional(),
    '`postgres://USER:PASSWORD@HOST:PORT/DATABASE`',
    'a running `tidemark dev` in this folder',
  ),
  TIDEMARK_SCHEMA: setting(
    z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'use 1 to 63 of a-z, 0-9 and _, not starting with a digit')
      .default('tidemark'),
    'schema of the tables: 1 to 63 of a-z, 0-9, _',
  ),
  TIDEMARK_BLOBS: setting(
    z
      .string()
      .superRefine((value, context) => {
        const message = blobLocationProblem(value);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .optional(),
    'where the blobs are, the same for every worker: a folder, `postgres:` for the database of `DATABASE_URL`, or `s3://BUCKET/PREFIX` (see [blobs](#blobs)). An application that gives `createTidemark({ blobs })` decides for itself',
    '`blobs` in `TIDEMARK_DATA`',
  ),
  AWS_ENDPOINT_URL_S3: setting(
    z.string().refine(isHttpUrl, 'use an address such as https://s3.example.com, without user or password').optional(),
    'for blobs in S3: another server, such as `http://minio:9000`; it is asked by path (`/BUCKET/KEY`)',
    "Amazon's",
  ),
  AWS_ENDPOINT_URL: setting(
    z.string().refine(isHttpUrl, 'use an address such as https://s3.example.com, without user or password').optional(),
    'the same, where `AWS_ENDPOINT_URL_S3` is not set',
    "Amazon's",
  ),
  TIDEMARK_DATA: setting(z.string().default('.tidemark'), 'what `tidemark dev` keeps'),
  ...JOB_VARIABLES,
  ...SOURCE_VARIABLES,
  TIDEMARK_MAX_IN_FLIGHT: setting(
    whole(1, 1_000),
    'units that run alone at once, per installation (1 to 1,000); what has run for a minute does not count, up to half as many again. Not above the slots of the workers together: 40 each',
    '40',
  ),
  TIDEMARK_CACHE_BYTES: setting(whole(0, 64 * 2 ** 30), 'decoded manifests and tiles kept in memory, per worker; 0 keeps none', '67108864'),
  TIDEMARK_POSTGRES_PORT: setting(
    whole(1, 65_535),
    'port of the Postgres of `tidemark dev` (in compose: port on this machine)',
    'a free one',
  ),
  TIDEMARK_TEMPORAL_PORT: setting(
    whole(1, 65_535),
    'port of the Temporal server of `tidemark dev` (in compose: port on this machine)',
    'a free one',
  ),
  TIDEMARK_UI_PORT: setting(whole(1, 65_535), 'port of the web UI of `tidemark dev` (in compose: port on this machine)', 'a free one'),
  TIDEMARK_HTTP_HOST: setting(
    z
      .string()
      .regex(/^[0-9A-Za-z.:-]{1,253}$/, 'use the name or address of a network interface, such as 127.0.0.1')
      .default('127.0.0.1'),
    'where `tidemark server` listens; `0.0.0.0` for others too',
  ),
  TIDEMARK_HTTP_PORT: setting(
    whole(0, 65_535),
    'its port; 0 for a free one. `tidemark dev` takes a free one where 7420 is taken (in compose: the port on this machine)',
    '7420',
  ),
  TIDEMARK_AUTH: setting(
    z.enum(['tokens', 'off'], "use 'tokens', or 'off' on 127.0.0.1").optional(),
    '`off`: everybody on this machine may do everything. On a loopback address only, never behind a proxy: with `TIDEMARK_HTTP_TRUST_PROXY` or `TIDEMARK_HTTP_BASE_PATH` the server does not start, and `tidemark dev` asks for tokens',
    '`tokens`; `off` in `tidemark dev`',
  ),
  TIDEMARK_HTTP_BASE_PATH: setting(
    z
      .string()
      .regex(/^(\/(?!\.{1,2}(\/|$))[\w.~-]+)+\/?$/, 'use a path such as /tidemark')
      .transform((path) => path.replace(/\/$/, ''))
      .default(''),
    'where a browser finds it behind a proxy, such as `/tidemark`',
  ),
  TIDEMARK_HTTP_TRUST_PROXY: setting(
    z
      .string()
      .transform((text) => text.split(',').map((address) => address.trim()))
      .refine((addresses) => addresses.every(isAddressRange), 'use addresses of proxies, such as 10.0.0.0/8,127.0.0.1')
      .optional(),
    'addresses of proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed: `10.0.0.0/8,127.0.0.1`',
    'nobody',
  ),
  TIDEMARK_HTTP_REQUESTS_PER_MINUTE: setting(
    whole(0, 10_000_000).default(12_000),
    'of one token, or of one address that has none that is good: once that is over, only tokens that were good here before get in from there; 0, or without authentication: as many as they like',
  ),
  TIDEMARK_HTTP_MAX_CONNECTIONS: setting(whole(1, 1_000_000).default(5_000), 'at once; one more is dropped'),
  TIDEMARK_HTTP_STALL_TIMEOUT: setting(
    z
      .string()
      .default('60s')
      .refine((text) => between(durationMs(text), 1_000, 86_400_000), 'use a duration from 1s to 1d, such as 60s or 5m'),
    'how long an answer waits for a reader who takes nothing of it',
  ),
  TEMPORAL_ADDRESS: setting(
    z.string().refine(isHostAndPort, 'use HOST:PORT, without http://').optional(),
    '`HOST:PORT`',
    '`127.0.0.1:7233`',
  ),
  TEMPORAL_NAMESPACE: setting(
    z
      .string()
      .regex(/^\S{1,255}$/, 'use 1 to 255 characters without spaces')
      .optional(),
    'namespace of Temporal',
    '`default`',
  ),
  TEMPORAL_API_KEY: setting(z.string().optional(), 'for Temporal Cloud'),
  TEMPORAL_PROFILE: setting(z.string().optional(), 'profile of `temporal.toml` in this folder; the variables above go before it'),
  TEMPORAL_CONFIG_FILE: setting(
    z
      .string()
      .refine((path) => existsSync(path), 'there is no such file')
      .optional(),
    'another file of profiles',
  ),
  TIDEMARK_GC_EVERY: setting(
    z
      .string()
      .default('1d')
      .refine(
        (text) => text === 'off' || (durationMs(text) ?? 0) >= 60_000,
        "use a duration of at least a minute such as 12h or 1d, or 'off'",
      ),
    'how often blobs that nothing refers to are [collected](#what-is-removed-when): a minute or more (`12h`, `1d`), or `off`. The same for every worker and starter',
  ),
  TIDEMARK_GC_GRACE: setting(
    z
      .string()
      .default('24h')
      .refine((text) => durationMs(text) !== undefined, 'use a duration such as 90m, 24h or 7d'),
    'how long a blob stays after nothing refers to it any more',
  ),
  TEMPORAL_UI_URL: setting(
    z.string().refine(isHttpUrl, 'use the address of the web UI, such as https://temporal.example.com').optional(),
    "address of Temporal's web UI as people reach it, for links to executions",
    'that of a running `tidemark dev`',
  ),
  TIDEMARK_METRICS: setting(
    z.string().transform(metricsAddress).optional(),
    'where a worker or starter offers [metrics](#metrics) and [health](#health): `HOST:PORT`, or a port of 127.0.0.1. Nobody is asked who they are there. The server has both itself',
    'off',
  ),
  TIDEMARK_ON_DEAD_URL: setting(
    z.string().refine(isHttpUrl, 'use an address such as https://example.com/hook, without user or password').optional(),
    'address that is [told of dead units](#being-told-of-dead-units). The same for every worker',
  ),
  TIDEMARK_ON_DEAD_SECRET: setting(
    z
      .string()
      .superRefine((value, context) => {
        const message = webhookSecretProblem(value);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .optional(),
    'signs what it is told: 16 characters or more, or `whsec_` and base64 of 24 bytes or more',
  ),
  TEMPORAL_CLI: setting(z.string().optional(), 'path of the `temporal` program, for `tidemark dev`', 'found or fetched'),
  LOG_LEVEL: setting(
    z.enum(LOG_LEVELS, `use one of ${LOG_LEVELS.join(', ')}`).default('info'),
    '`trace`, `debug`, `info`, `warn`, `error`, `fatal`, `silent`',
  ),
  CI: setting(z.string().optional(), 'nobody watches: plain lines, no animation'),
});

/** Their values stay out of messages, as do addresses of databases wherever they stand. */
export const SECRET = new Set([
  'DATABASE_URL',
  'TEMPORAL_API_KEY',
  'TIDEMARK_BLOBS',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'TEMPORAL_UI_URL',
  'TIDEMARK_ON_DEAD_URL',
  'TIDEMARK_ON_DEAD_SECRET',
  'TIDEMARK_SOURCE_SECRETS',
]);

export function isPostgresUrl(value: string): boolean {
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
