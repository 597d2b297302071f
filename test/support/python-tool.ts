/**
 * Programs in Python that tests run against, each in an environment of its own that holds what its requirements say, by hash, and nothing
 * else. An environment is made once and kept in node_modules/.cache.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

export interface PythonTool {
  /** Of its folder beside this file, which holds `requirements.txt`. */
  name: string;
  /** For the message where it cannot be installed: what needs it. */
  usedFor: string;
  /** The oldest Python that it runs on. */
  python: string;
}

/** From the root of the repository, where everything is started: the drill runs a compiled copy of this file. */
const REQUIREMENTS = resolve('test/support');
const CACHE = resolve('node_modules/.cache/tidemark');
const INSTALL_DEADLINE_MS = 300_000;
const run = promisify(execFile);

/** @returns the tool's own Python. @throws with what to install */
export async function installPythonTool({ name, usedFor, python }: PythonTool): Promise<string> {
  const requirements = join(REQUIREMENTS, name, 'requirements.txt');
  try {
    const { stdout } = await run('python3', ['-c', 'import sys; print(sys.version, sys.base_prefix)']);
    const id = createHash('sha256')
      .update(stdout)
      .update(await readFile(requirements))
      .digest('hex')
      .slice(0, 12);
    const environment = join(CACHE, `${name}-${id}`);
    if (!existsSync(environment)) await makeEnvironment(environment, requirements);
    return join(environment, 'bin/python');
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new Error(
      `${usedFor}, which could not be installed: ${stderr.trim().split('\n').at(-1) || message}. ` +
        `Install Python ${python} or newer with venv and pip (Debian: apt-get install python3 python3-venv python3-pip), with a package index that pip can reach.`,
      { cause: error },
    );
  }
}

/** Renamed into place when it is whole: a run that is cut short leaves none, and of two at once one wins. */
async function makeEnvironment(environment: string, requirements: string): Promise<void> {
  const scratch = `${environment}.${process.pid}`;
  try {
    await mkdir(dirname(environment), { recursive: true });
    await run('python3', ['-m', 'venv', scratch], { timeout: INSTALL_DEADLINE_MS });
    const install = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes', '-r', requirements];
    await run(join(scratch, 'bin/python'), install, { timeout: INSTALL_DEADLINE_MS });
    await rename(scratch, environment).catch((error) => (existsSync(environment) ? undefined : Promise.reject(error)));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
