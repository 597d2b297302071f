/**
 * Workers and starters in processes of their own, over the scripted application: to be killed (SIGKILL), stopped (SIGSTOP) and started again.
 * The program is compiled once for the state of the sources, because plain node runs it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { StarterOptions } from '../../src/temporal/start-starter.ts';

export interface ChildSettings {
  kind: 'worker' | 'starter';
  databaseUrl: string;
  temporalAddress: string;
  blobsPath: string;
  workflowBundlePath: string;
  /** Variables of its own. */
  environment?: Record<string, string> | undefined;
  /** false: a worker that starts nothing. */
  starter: false | Pick<StarterOptions, 'claim' | 'garbage' | 'startDeadlineMs' | 'sweepEveryMs' | 'staleAfterMs' | 'pendingAfterMs'>;
}

export interface WorkerProcess {
  readonly pid: number;
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  /** What it has written, newest last. */
  readonly output: readonly string[];
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections, claims and attempts, and does nothing. */
  pause(): void;
  resume(): void;
}

const UP_DEADLINE_MS = 60_000;
const root = fileURLToPath(new URL('../../', import.meta.url));
const running = new Set<ChildProcess>();
// A test that fails leaves nobody behind.
process.on('exit', () => running.forEach((child) => void child.kill('SIGKILL')));

/** Done when it is up. */
export async function startWorkerProcess(settings: ChildSettings): Promise<WorkerProcess> {
  const program = await compileOnce();
  const child = spawn(process.execPath, ['--enable-source-maps', program, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', ...settings.environment },
  });
  running.add(child);
  const output: string[] = [];
  let over = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      over = true;
      running.delete(child);
      resolve();
    });
  });
  const kill = async () => {
    if (!over) child.kill('SIGKILL');
    await ended;
  };
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`The ${settings.kind} process ${reason}:\n${output.slice(-20).join('\n')}`));
    const late = setTimeout(() => void kill().then(() => fail('was not up in time')), UP_DEADLINE_MS);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        output.push(line);
        if (line === 'up') {
          clearTimeout(late);
          resolve();
        }
      });
    }
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      fail(`ended (${signal ?? code}) before it was up`);
    });
  });
  return {
    pid: child.pid as number,
    ended,
    hasEnded: () => over,
    output,
    kill,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
}

/** Keeps `count` of them up: each that ends is started again, until `stop`, which kills them. */
export async function superviseWorkerProcesses(
  settings: ChildSettings,
  count: number,
): Promise<{ starts(): number; stop(): Promise<void> }> {
  let stopped = false;
  let starts = 0;
  const present = new Set<WorkerProcess>();
  const keepUp = async (first: WorkerProcess) => {
    for (let child = first; ; ) {
      present.add(child);
      starts += 1;
      if (stopped) await child.kill();
      await child.ended;
      present.delete(child);
      if (stopped) return;
      child = await startWorkerProcess(settings);
    }
  };
  const first = await Promise.all(Array.from({ length: count }, () => startWorkerProcess(settings)));
  const lanes = first.map(keepUp);
  return {
    starts: () => starts,
    async stop() {
      stopped = true;
      await Promise.all([...present].map((child) => child.kill()));
      await Promise.all(lanes);
    },
  };
}

let compiling: Promise<string> | undefined;

function compileOnce(): Promise<string> {
  compiling ??= compile();
  return compiling;
}

async function compile(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(root, 'package-lock.json')));
  for (const folder of ['src', 'test/support']) {
    const files = await readdir(join(root, folder), { recursive: true });
    for (const file of files.filter((name) => /\.(ts|json)$/.test(name)).sort()) {
      hash.update(`${folder}/${file}\0`).update(await readFile(join(root, folder, file)));
    }
  }
  const cache = join(root, 'node_modules/.cache/tidemark');
  const target = join(cache, `child-${hash.digest('hex').slice(0, 16)}`);
  const program = join(target, 'test/support/child-program.js');
  if (existsSync(program)) return program;
  await forgetOldOnes(cache);
  const scratch = `${target}.${process.pid}`;
  await mkdir(scratch, { recursive: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [
    compiler,
    '-p',
    join(root, 'test/support/child-program.tsconfig.json'),
    '--outDir',
    scratch,
  ]);
  await writeFile(join(scratch, 'package.json'), '{ "type": "module" }\n');
  await symlink(join(root, 'migrations'), join(scratch, 'migrations'));
  await rename(scratch, target).catch(async (error) => {
    // Another test file was faster, with the same sources.
    if (!existsSync(program)) throw error;
    await rm(scratch, { recursive: true });
  });
  return program;
}

async function forgetOldOnes(cache: string): Promise<void> {
  for (const name of existsSync(cache) ? await readdir(cache) : []) {
    const path = join(cache, name);
    if (name.startsWith('child-') && Date.now() - (await stat(path)).mtimeMs > 24 * 3_600_000)
      await rm(path, { recursive: true, force: true });
  }
}
