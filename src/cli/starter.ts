import type { Command } from 'commander';
import { loadJobSettings } from '../settings/job-settings.ts';
import { checkServiceType, checkUseJobs } from './service-type.ts';

const EXAMPLES = `
Examples:
  $ tidemark starter                                 any number of them is safe, beside workers that start too

Needs DATABASE_URL and TEMPORAL_ADDRESS, or a running 'tidemark dev' in this folder. Logs JSON lines (LOG_LEVEL).
TIDEMARK_METRICS=HOST:PORT: /metrics, /health/live and /health/ready there.`;

export function addStarter(program: Command): void {
  program
    .command('starter')
    .description('start executions for work that is ready; runs no work itself')
    .addHelpText('after', EXAMPLES)
    .action(async () => {
      checkServiceType('starter');
      checkUseJobs('starter', { ...loadJobSettings(), saidBy: 'USE_JOBS' });
      const { runStarter } = await import('../starter.ts');
      await runStarter();
    });
}
