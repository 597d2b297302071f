/** One Postgres and one Temporal dev server for the run, in a temporary folder, gone when it ends however it ends. */
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { createTemplateDatabase } from './database.ts';
import { keepLeftoversIn } from './leftovers.ts';
import { createTestDirectory, removePostgresData, startTestPostgres, startTestTemporal } from './servers.ts';
import { bundleWorkflowsOnce } from './workflow-bundle.ts';

export default async function startServers(project: TestProject): Promise<() => Promise<void>> {
  const directory = await createTestDirectory();
  const removeLeftovers = keepLeftoversIn(join(directory.path, 'leftovers'));
  const running: { stop(): Promise<void> }[] = [];
  const started = async <T extends { stop(): Promise<void> }>(server: Promise<T>): Promise<T> => {
    running.push(await server);
    return server;
  };
  const stop = async () => {
    await Promise.all(running.map((server) => server.stop()));
    removeLeftovers();
    if (process.env.KEEP_TEST_DATA) console.log(`kept: ${directory.path}`);
    else await directory.remove();
  };

  const results = await Promise.allSettled([
    started(startTestPostgres(directory.path)).then(async (postgres) => {
      await createTemplateDatabase(postgres.url);
      return postgres;
    }),
    started(startTestTemporal(directory.path)),
    bundleWorkflowsOnce(),
  ]);
  const [postgres, temporal, bundle] = results;
  if (postgres.status === 'rejected' || temporal.status === 'rejected' || bundle.status === 'rejected') {
    await stop();
    throw new AggregateError(
      results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])),
      'The test servers did not start',
    );
  }
  project.provide('postgresUrl', postgres.value.url);
  project.provide('temporalAddress', temporal.value.address);
  project.provide('workflowBundlePath', bundle.value);
  return async () => {
    await stop();
    if (!process.env.KEEP_TEST_DATA) removePostgresData(postgres.value);
  };
}
