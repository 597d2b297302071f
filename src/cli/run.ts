import type { Command } from 'commander';
import { loadJobSettings } from '../settings/job-settings.ts';
import { doorsOf } from './service-type.ts';
import { whereJobsRun } from './where-jobs-run.ts';

const EXAMPLES = `
Examples:
  $ tidemark run                                     server, worker and starter in one process
  $ SERVICE_TYPE=frontend tidemark run               as 'tidemark server'
  $ SERVICE_TYPE=worker tidemark run                 as 'tidemark worker'
  $ USE_JOBS=off tidemark run                        the server alone, which runs the jobs that it is asked for: without Temporal

Needs DATABASE_URL and, unless USE_JOBS=off, TEMPORAL_ADDRESS, or a running 'tidemark dev' in this folder. Logs JSON lines (LOG_LEVEL).
TIDEMARK_HTTP_HOST, TIDEMARK_HTTP_PORT: where the server listens. SIGTERM or Ctrl-C drains; a second one ends it at once.`;

export function addRun(program: Command): void {
  program
    .command('run')
    .description('be what SERVICE_TYPE says: a frontend, a worker, or both in one process')
    .option('--app <file>', 'file whose default export is the createTidemark instance')
    .addHelpText('after', EXAMPLES)
    .action(async ({ app }: { app?: string }) => {
      const ofApp = app === undefined ? {} : { app };
      const run = {
        server: async () => (await import('../server.ts')).runServer(ofApp),
        worker: async () => (await import('../worker.ts')).runWorker({ ...ofApp, starter: true }),
      };
      const doors = doorsOf(loadJobSettings().serviceType, await whereJobsRun(app));
      // Where one cannot start, the command ends, and the process with it.
      await Promise.all(doors.map((door) => run[door]()));
    });
}
