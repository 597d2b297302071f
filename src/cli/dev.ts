import type { Command } from 'commander';
import type { DevOptions } from '../dev.ts';
import { loadJobSettings } from '../settings/job-settings.ts';
import { checkUseJobs } from './service-type.ts';

const EXAMPLES = `
Examples:
  $ tidemark dev                                     with the app in tidemark.config.{js,mjs,ts}, if there is one
  $ tidemark dev --app app.mjs --watch               worker and server start anew when a file beside app.mjs changes
  $ TIDEMARK_UI_PORT=8233 tidemark dev               TIDEMARK_POSTGRES_PORT, TIDEMARK_TEMPORAL_PORT, TIDEMARK_HTTP_PORT too

Data stays in .tidemark (TIDEMARK_DATA). DATABASE_URL and TEMPORAL_ADDRESS, where set, are used instead of servers of its own.
The other commands, run in the same folder, find its servers by themselves.`;

export function addDev(program: Command): void {
  program
    .command('dev')
    .description('run Postgres, Temporal, a worker and the server with its page on this machine, until Ctrl-C')
    .option('--app <file>', 'file whose default export is the createTidemark instance')
    .option('--watch', 'start worker and server anew when the app changes')
    .option('--demo', 'import the shipped example into a sheet and compare every cell')
    .addHelpText('after', EXAMPLES)
    .action(async (options: DevOptions) => {
      // Its worker would be refused.
      checkUseJobs('dev', { ...loadJobSettings(), saidBy: 'USE_JOBS' });
      const { runDev } = await import('../dev.ts');
      await runDev(options);
    });
}
