/**
 * The last resort for the Temporal CLI: the download built into Temporal's SDK, from Temporal's own host. It comes with the
 * SDK's testing package, which a clone has and an installed package may not. It runs in a process of its own,
 * because a download behind a closed network cannot be called off from within.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const deadlineMs = 120_000;

const script = `
const [testing, downloadDir, version] = process.argv.slice(1);
const { TestWorkflowEnvironment } = (await import(testing)).default;
const executable = { type: 'cached-download', downloadDir, version };
const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
await environment.teardown();
process.exit(0);
`;

/** Puts the program at `target`: whole, or not at all. */
export async function downloadWithSdk(target: string, version: string): Promise<void> {
  const testing = pathToFileURL(createRequire(import.meta.url).resolve('@temporalio/testing')).href;
  await mkdir(dirname(target), { recursive: true });
  const scratch = await mkdtemp(join(dirname(target), 'fetching-'));
  try {
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, testing, scratch, `v${version}`], {
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    }).catch((error: Error & { stderr?: string; killed?: boolean }) => {
      if (error.killed) throw new Error(`not done after ${deadlineMs / 1000} seconds`, { cause: error });
      throw new Error(
        error.stderr
          ?.split('\n')
          .find((line) => /Error:/.test(line))
          ?.trim() ?? error.message,
        { cause: error },
      );
    });
    const [program] = await readdir(scratch);
    if (program === undefined) throw new Error('the SDK left no program behind');
    await chmod(join(scratch, program), 0o755);
    await rename(join(scratch, program), target);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
