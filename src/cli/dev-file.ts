/**
 * Where a running `tidemark dev` keeps its servers, for the other commands of the project: `dev.json` in its data folder.
 * It may hold a password, so only its owner can read it. It goes when dev stops; one left behind by a killed dev counts as none.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const DEV_ENVIRONMENT = z.object({
  pid: z.int().min(1),
  databaseUrl: z.string(),
  temporalAddress: z.string(),
  namespace: z.string(),
  schema: z.string(),
  /** Where the blobs are, for openBlobStore. */
  blobs: z.string(),
  /** Of Temporal's web UI, without a slash at its end; absent where the Temporal server is not dev's own. */
  uiUrl: z.string().optional(),
  /** Of the HTTP server and its page, without a slash at its end. */
  serverUrl: z.string().optional(),
});

export type DevEnvironment = z.output<typeof DEV_ENVIRONMENT>;

/** @returns undefined where no dev is running on this data folder */
export async function readDevFile(dataDir: string): Promise<DevEnvironment | undefined> {
  const text = await readFile(devFile(dataDir), 'utf8').catch(() => undefined);
  if (text === undefined) {
    return undefined;
  }
  const parsed = DEV_ENVIRONMENT.safeParse(parseJson(text));
  return parsed.success && isAlive(parsed.data.pid) ? parsed.data : undefined;
}

export async function writeDevFile(dataDir: string, environment: DevEnvironment): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const scratch = `${devFile(dataDir)}.${process.pid}`;
  await writeFile(scratch, `${JSON.stringify(environment, undefined, 2)}\n`, { mode: 0o600 });
  await rename(scratch, devFile(dataDir));
}

export async function removeDevFile(dataDir: string): Promise<void> {
  await rm(devFile(dataDir), { force: true });
}

const devFile = (dataDir: string): string => join(dataDir, 'dev.json');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
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
