/**
 * The data directory of the embedded Postgres: made where there is none, refused where it cannot be used, before anything is
 * started on it. Making it is all or nothing: initdb works in a folder beside it that is renamed at the end.
 * The superuser's password stands beside it, in `<dataDir>.password`, readable by its account alone.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errorMessage, SetupError } from '../errors.ts';
import { canEnter, type PostgresAccount } from './postgres-account.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';

/** The superuser of every embedded Postgres. */
export const superuser = 'postgres';

/** A process id beyond every kernel's limit: surely of no process. */
const noProcess = 2 ** 22 + 1;

/**
 * Where the data is really kept: `wanted`, or a folder below /var/lib where the account that runs Postgres cannot reach
 * `wanted` (a clone below /root, for example). A note in `wanted` points there; without the note, the data there is of a
 * folder that was deleted since, and goes as well.
 */
export async function placeDataDirectory(
  wanted: string,
  account: PostgresAccount | undefined,
  log: (line: string) => void,
): Promise<string> {
  const path = resolve(wanted);
  await mkdir(dirname(path), { recursive: true });
  if (account === undefined || canEnter(account, dirname(path))) return path;

  const home = `/var/lib/tidemark-${createHash('sha256').update(path).digest('hex').slice(0, 12)}`;
  const dataDir = join(home, 'data');
  const note = join(path, 'MOVED');
  log(`User '${account.name}', which runs Postgres, cannot reach ${dirname(path)}: the data is kept in ${dataDir}.`);
  try {
    if ((await readFile(note, 'utf8').catch(() => '')) !== `${dataDir}\n`) {
      await refuseLiveServer(dataDir);
      await rm(home, { recursive: true, force: true });
      await mkdir(path, { recursive: true });
      await writeFile(note, `${dataDir}\n`);
    }
    await mkdir(home, { recursive: true });
    await chmod(home, 0o755);
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(
      `The data cannot be kept in ${home}: ${errorMessage(error)}. Choose a data directory that user '${account.name}' can reach.`,
      {
        cause: error,
      },
    );
  }
  return dataDir;
}

/** Makes it or checks it; answers the superuser's password. */
export async function prepareDataDirectory(
  dataDir: string,
  binaries: PostgresBinaries,
  account: PostgresAccount | undefined,
  log: (line: string) => void,
): Promise<string> {
  const content = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new SetupError(`The data directory ${dataDir} cannot be read (${error.code}): choose another, or run this as its owner.`, {
      cause: error,
    });
  });
  if (content.length === 0) return await initialise(dataDir, binaries, account, log);

  const version = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined) {
    throw new SetupError(`${dataDir} is not empty and not a Postgres data directory: choose another, or empty it.`);
  }
  if (version.trim() !== binaries.version) {
    throw new SetupError(
      `The data directory ${dataDir} is of Postgres ${version.trim()}, this is Postgres ${binaries.version}: choose another, or move the data with pg_dump.`,
    );
  }
  await refuseLiveServer(dataDir);
  await disownStalePid(dataDir);
  const password = await readFile(`${dataDir}.password`, 'utf8').catch((error: unknown) => {
    throw new SetupError(
      `The password of ${dataDir} is missing: put back ${dataDir}.password, or delete the data directory to start empty.`,
      {
        cause: error,
      },
    );
  });
  return password.trim();
}

async function initialise(
  dataDir: string,
  { initdb, version }: PostgresBinaries,
  account: PostgresAccount | undefined,
  log: (line: string) => void,
): Promise<string> {
  log(`Initialising Postgres ${version} in ${dataDir}.`);
  const password = randomBytes(24).toString('base64url');
  const scratch = `${dataDir}.new-${process.pid}`;
  const passwordFile = `${dataDir}.password`;
  try {
    await rm(passwordFile, { force: true });
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { mode: 0o700 });
    if (account) await Promise.all([scratch, passwordFile].map((path) => chown(path, account.uid, account.gid)));
    // A built-in locale: the same order of text on every machine, whatever it has installed.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const access = [`--username=${superuser}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    await runToEnd(initdb, [`--pgdata=${scratch}`, ...access, ...locale, '--no-instructions'], account);
    await rmdir(dataDir).catch(() => {});
    await rename(scratch, dataDir);
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw new SetupError(`Postgres cannot be initialised in ${dataDir}: ${errorMessage(error)}.`, { cause: error });
  }
  return password;
}

function runToEnd(command: string, args: string[], account: PostgresAccount | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: '/',
      env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 120_000,
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('error', reject);
    child.once('close', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(said.trim() || `initdb ended with ${signal ?? code}`)),
    );
  });
}

/** The process in postmaster.pid, if there is one and it is a Postgres on this directory; its port with it. */
async function refuseLiveServer(dataDir: string): Promise<void> {
  const [pid, , , port] = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  if (pid && (await isPostgresOn(dataDir, Number(pid)))) {
    throw new SetupError(
      `The data directory ${dataDir} is in use by a running Postgres (process ${pid}, port ${port}): stop that one, or choose another data directory.`,
    );
  }
}

/**
 * After a crash, postmaster.pid names a process that is gone; by now its number may be another's, and Postgres would refuse to
 * start. The file stays, with a number that is nobody's: its shared-memory line still keeps Postgres from starting beside
 * backends that survived.
 */
async function disownStalePid(dataDir: string): Promise<void> {
  const path = join(dataDir, 'postmaster.pid');
  const [pid, ...rest] = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  if (pid && isAlive(Number(pid))) await writeFile(path, [noProcess, ...rest].join('\n'));
}

/** A postmaster's working directory is its data directory. */
async function isPostgresOn(dataDir: string, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === resolve(dataDir);
  } catch (error) {
    // A process that has ended has no directory any more. One that is not ours to look at is not ours to declare dead.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
