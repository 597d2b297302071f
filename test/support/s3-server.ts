/**
 * A real S3 server of a test's own: moto in server mode, in a Python environment that is made once and kept in node_modules/.cache. It
 * keeps its objects in memory and in a temporary folder, and ends with this process, however that ends.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { spawnServer } from '../../src/embedded/child-server.ts';
import { connectOnce, findFreePort } from '../../src/embedded/ports.ts';
import { createTestDirectory } from './servers.ts';
import { until } from './until.ts';

export interface S3Server {
  readonly endpoint: string;
  readonly client: S3Client;
  stop(): Promise<void>;
}

export const REGION = 'us-east-1';
export const CREDENTIALS = { accessKeyId: 'AKIATIDEMARKTESTS', secretAccessKey: 'not-to-be-shown' };
/** Made at the start. */
export const BUCKET = 'tidemark-tests';

/** From the root of the repository, where everything is started: the drill runs a compiled copy of this file. */
const REQUIREMENTS = resolve('test/support/moto/requirements.txt');
const CACHE = resolve('node_modules/.cache/tidemark');
const INSTALL_DEADLINE_MS = 300_000;
const run = promisify(execFile);

export async function startS3Server(): Promise<S3Server> {
  const python = await motoPython();
  const directory = await createTestDirectory();
  const port = await findFreePort();
  const server = await spawnServer({
    command: python,
    args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
    logFile: join(directory.path, 'moto.log'),
    stopSignal: 'SIGTERM',
    cwd: directory.path,
    env: { PATH: process.env.PATH ?? '', HOME: directory.path, TMPDIR: directory.path, PYTHONUNBUFFERED: '1' },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials: CREDENTIALS });
  const stop = async () => {
    client.destroy();
    await server.stop(5_000);
    await directory.remove();
  };
  try {
    await until(
      'moto answers',
      async () => {
        if (server.ended() !== undefined) throw new Error(`moto ended (${server.ended()}): ${server.lastLines(5).join(' ')}`);
        return await connectOnce(port).then(
          () => true,
          () => false,
        );
      },
      60_000,
    );
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, client, stop };
}

/** The Python of an environment that holds what requirements.txt says, and nothing else. @throws with what to install */
async function motoPython(): Promise<string> {
  try {
    const { stdout } = await run('python3', ['-c', 'import sys; print(sys.version, sys.base_prefix)']);
    const id = createHash('sha256')
      .update(stdout)
      .update(await readFile(REQUIREMENTS))
      .digest('hex')
      .slice(0, 12);
    const environment = join(CACHE, `moto-${id}`);
    if (!existsSync(environment)) await makeEnvironment(environment);
    return join(environment, 'bin/python');
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new Error(
      `The tests of blobs in S3 run against moto, a real server, which could not be installed: ${stderr.trim().split('\n').at(-1) || message}. ` +
        'Install Python 3.10 or newer with venv and pip (Debian: apt-get install python3 python3-venv python3-pip), with a package index that pip can reach.',
      { cause: error },
    );
  }
}

/** Renamed into place when it is whole: a run that is cut short leaves none, and of two at once one wins. */
async function makeEnvironment(environment: string): Promise<void> {
  const scratch = `${environment}.${process.pid}`;
  try {
    await mkdir(dirname(environment), { recursive: true });
    await run('python3', ['-m', 'venv', scratch], { timeout: INSTALL_DEADLINE_MS });
    const install = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes', '-r', REQUIREMENTS];
    await run(join(scratch, 'bin/python'), install, { timeout: INSTALL_DEADLINE_MS });
    await rename(scratch, environment).catch((error) => (existsSync(environment) ? undefined : Promise.reject(error)));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
