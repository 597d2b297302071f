/**
 * The account of the operating system that Postgres runs as. Postgres refuses root, so root runs it as the owner of the data
 * directory, or as the user `postgres`, made where it is missing. Everyone else runs it as themselves.
 */
import { spawnSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from '../errors.ts';

export interface PostgresAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Undefined: run as the present user. */
export async function choosePostgresAccount(dataDir: string): Promise<PostgresAccount | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(join(dataDir, 'PG_VERSION')).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { name: String(owner.uid), uid: owner.uid, gid: owner.gid };

  const found = lookUp('postgres');
  if (found !== undefined) return found;
  const made =
    run('useradd', ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/bin/false', 'postgres']) ||
    run('adduser', ['-S', '-D', '-H', 'postgres']);
  const account = made ? lookUp('postgres') : undefined;
  if (account === undefined) {
    throw new SetupError(
      "Postgres does not run as root, and the user 'postgres' cannot be created: create it (useradd --system postgres), run this as another user, or set DATABASE_URL.",
    );
  }
  return account;
}

/** Whether the account can enter this directory, in the kernel's own opinion. */
export function canEnter(account: PostgresAccount, directory: string): boolean {
  const { status } = spawnSync('/bin/sh', ['-c', 'cd "$1" && cd /', 'sh', directory], {
    cwd: '/',
    env: {},
    stdio: 'ignore',
    uid: account.uid,
    gid: account.gid,
  });
  return status === 0;
}

function lookUp(name: string): PostgresAccount | undefined {
  const uid = spawnSync('id', ['-u', name], { encoding: 'utf8' });
  const gid = spawnSync('id', ['-g', name], { encoding: 'utf8' });
  return uid.status === 0 && gid.status === 0 ? { name, uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined;
}

function run(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
