/** The `tidemark` command as a process, from dist/, which is built first where a source has changed since. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { removeAtTheEnd } from './leftovers.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface CliOptions {
  cwd?: string;
  /** On top of an environment in which nothing of Tidemark is set. */
  env?: Record<string, string>;
  input?: string | Uint8Array;
  timeoutMs?: number;
}

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  output(): { stdout: string; stderr: string };
  /** Everything written so far, once it holds `text`. @throws where it does not within the deadline, or the process ends before */
  waitFor(text: string | RegExp, deadlineMs?: number): Promise<string>;
  /** Resolves when it has ended. */
  readonly ended: Promise<CliResult>;
}

/** Runs a command to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended;
}

export function startCli(args: readonly string[], { cwd = root, env = {}, input, timeoutMs = 60_000 }: CliOptions = {}): RunningCli {
  const child = spawn(process.execPath, [cliPath(), ...args], {
    cwd,
    env: { ...quietEnvironment(), ...env },
    stdio: 'pipe',
    timeout: timeoutMs,
  });
  const seen = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    seen.stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let result: CliResult | undefined;
  const ended = new Promise<CliResult>((resolve) => {
    child.once('close', (code, signal) => {
      result = { ...seen, code: code ?? (signal ? 128 : -1) };
      resolve(result);
    });
  });
  return {
    child,
    ended,
    output: () => ({ ...seen }),
    async waitFor(text, deadlineMs = 30_000) {
      const deadline = performance.now() + deadlineMs;
      const all = () => seen.stdout + seen.stderr;
      const isThere = () => (typeof text === 'string' ? all().includes(text) : text.test(all()));
      while (!isThere()) {
        if (result) throw new Error(`it ended (${result.code}) without saying ${text}:\n${all()}`);
        if (performance.now() > deadline) throw new Error(`it has not said ${text}:\n${all()}`);
        await delay(20);
      }
      return all();
    },
  };
}

/**
 * A command of the sources in this process, for what ends before it reaches a server: as a process of its own each would take a second of a processor.
 * One at a time: it has the folder, the environment and the output of the process to itself.
 */
export async function runCliHere(
  args: readonly string[],
  { cwd = root, env = {}, onOutput }: Pick<CliOptions, 'cwd' | 'env'> & { onOutput?: ((all: string) => unknown) | undefined } = {},
): Promise<CliResult> {
  const { runCommandLine } = await import('../../src/cli/program.ts');
  const before = { cwd: process.cwd(), env: process.env, out: process.stdout.write, err: process.stderr.write, exitCode: process.exitCode };
  process.exitCode = undefined;
  const seen = { stdout: '', stderr: '' };
  process.chdir(cwd);
  process.env = { ...quietEnvironment(), ...env };
  const keep = (name: keyof typeof seen) => (text: string | Uint8Array) => {
    seen[name] += text;
    onOutput?.(seen.stdout + seen.stderr);
    return true;
  };
  process.stdout.write = keep('stdout');
  process.stderr.write = keep('stderr');
  try {
    return { code: await runCommandLine(['node', 'tidemark', ...args]), ...seen };
  } finally {
    process.chdir(before.cwd);
    process.env = before.env;
    process.stdout.write = before.out;
    process.stderr.write = before.err;
    process.exitCode = before.exitCode;
  }
}

/** The help of commands, of all of them in one process. @returns what each printed, and its exit code */
export async function helpOf(commands: readonly (readonly string[])[]): Promise<{ code: number; stdout: string }[]> {
  return evaluate(`
    import { runCommandLine } from ${builtModule('program')};
    const write = process.stdout.write.bind(process.stdout);
    const answers = [];
    for (const command of ${JSON.stringify(commands)}) {
      let stdout = '';
      process.stdout.write = (text) => ((stdout += text), true);
      answers.push({ code: await runCommandLine(['node', 'tidemark', ...command, '--help']), stdout });
    }
    write(JSON.stringify(answers));`);
}

/** What a worker of schema `tidemark` would say of app files, all of them in one process. @returns the messages; null for one that loads */
export async function appErrorsOf(files: readonly string[]): Promise<(string | null)[]> {
  return evaluate(`
    import { loadApp } from ${builtModule('load-app')};
    const answers = [];
    for (const file of ${JSON.stringify(files)}) {
      answers.push(await loadApp(file, 'tidemark').then(() => null, (error) => error.message));
    }
    console.log(JSON.stringify(answers));`);
}

const builtModule = (name: string) => JSON.stringify(pathToFileURL(join(cliPath(), `../cli/${name}.js`)).href);

/** @returns the JSON that a module's text prints */
async function evaluate<T>(script: string): Promise<T> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { env: quietEnvironment(), timeout: 60_000 });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** URL of a file of the compiled program, for what needs it: a thread. */
export function distFile(path: string): string {
  return pathToFileURL(join(cliPath(), '..', path)).href;
}

/** A folder of the test's own; removed by the returned function. The account that Postgres runs as can enter it. */
export function createFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tidemark-cli-'));
  spawnSync('chmod', ['755', path]);
  return { path, remove: () => removeAtTheEnd(path) };
}

function quietEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', TEMPORAL_CLI = '' } = process.env;
  return { PATH, HOME, TEMPORAL_CLI, CI: 'true' };
}

let built: string | undefined;

/** CLI_UNDER_TEST names another one, already built. */
function cliPath(): string {
  built ??= process.env.CLI_UNDER_TEST ?? build();
  return built;
}

/** One test file at a time: the others wait for its result. */
function build(): string {
  const lock = join(root, 'node_modules/.cache/tidemark-build.lock');
  mkdirSync(join(lock, '..'), { recursive: true });
  for (const deadline = performance.now() + 120_000; ; ) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      if (performance.now() > deadline || Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 120_000) {
        rmSync(lock, { recursive: true, force: true });
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
  try {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`dist/ cannot be built:\n${stdout}${stderr}`);
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
  return join(root, 'dist/cli.js');
}
