/** Postgres and Temporal for tests: one of each for the whole run (see global-setup.ts), or some of a test's own that it may kill. */
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { type EmbeddedPostgres, type PostgresOptions, startPostgres } from '../../src/embedded/postgres.ts';
import { type EmbeddedTemporal, startTemporal, type TemporalOptions } from '../../src/embedded/temporal.ts';
import { findTemporalCli, findTemporalTestServer } from '../../src/embedded/temporal-binaries.ts';
import { removeAtTheEnd } from './leftovers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the superuser. */
    postgresUrl: string;
    temporalAddress: string;
    workflowBundlePath: string;
  }
}

/** host:port of the run's Temporal dev server. */
export const temporalAddress = (): string => inject('temporalAddress');

/** For `Worker.create({ workflowBundle })`: src/workflows, bundled once for the run. */
export const workflowBundle = (): { codePath: string } => ({ codePath: inject('workflowBundlePath') });

/** A folder of its own; `remove` it when done. The account that Postgres runs as can enter it. */
export async function createTestDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-test-'));
  await chmod(path, 0o755);
  return { path, remove: async () => removeAtTheEnd(path) };
}

/** Removes what a Postgres that has ended kept, also where it could not keep it in the directory asked for. */
export function removePostgresData({ dataDir }: Pick<EmbeddedPostgres, 'dataDir'>): void {
  removeAtTheEnd(dirname(dataDir));
}

/** Keeps its data in `<directory>/postgres/data`: start again on the same directory to go on. */
export async function startTestPostgres(directory: string, options: Partial<PostgresOptions> = {}): Promise<EmbeddedPostgres> {
  return await startPostgres({ dataDir: join(directory, 'postgres', 'data'), ...options });
}

/** Keeps its data in `<directory>/temporal`: start again on the same directory to go on. */
export async function startTestTemporal(directory: string, options: Partial<TemporalOptions> = {}): Promise<EmbeddedTemporal> {
  const cli = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI });
  return await startTemporal({ cli, dataDir: join(directory, 'temporal'), ui: false, ...options });
}

/** The server that skips time, for `TestWorkflowEnvironment.createTimeSkipping({ server })`. */
export async function timeSkippingServer(): Promise<{ executable: { type: 'existing-path'; path: string } }> {
  const { path } = await findTemporalTestServer({ configuredPath: process.env.TEMPORAL_TEST_SERVER });
  return { executable: { type: 'existing-path', path } };
}
