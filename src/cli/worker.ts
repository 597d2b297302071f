import { type Command, Option } from 'commander';
import { parseNames, parseWhole } from './parse-option.ts';
import { checkServiceType, checkUseJobs } from './service-type.ts';
import { UsageError } from './usage-error.ts';
import { whereJobsRun } from './where-jobs-run.ts';
import type { WorkerOptions } from './worker-door-options.ts';

const EXAMPLES = `
Examples:
  $ tidemark worker                                  the app in tidemark.config.{js,mjs,ts}; without one, sheets alone
  $ tidemark worker --app dist/app.js
  $ tidemark worker --no-starter                     where 'tidemark starter' runs as a process of its own
  $ tidemark worker --subscriptions mail,index       these alone, on a task queue and with a maxInFlight of their own
  $ tidemark worker --except mail,index              all the rest
  $ tidemark wake && tidemark worker --exit-when-idle 60      only while there is work

Needs DATABASE_URL and TEMPORAL_ADDRESS, or a running 'tidemark dev' in this folder. Logs JSON lines (LOG_LEVEL).
TIDEMARK_METRICS=HOST:PORT: /metrics, /health/live and /health/ready there. TIDEMARK_ON_DEAD_URL: an address that is told of dead units.
SIGTERM or Ctrl-C drains: short units end, long ones go on elsewhere; a second one ends it at once.`;

export function addWorker(program: Command): void {
  program
    .command('worker')
    .description("run an application's work")
    .option('--app <file>', 'file whose default export is the createTidemark instance')
    .option('--no-starter', 'leave starting executions to another process')
    .option('--apply', "apply the app's subscriptions first, as 'tidemark subscriptions apply' does")
    .addOption(
      new Option('--subscriptions <names>', 'run these subscriptions and nothing else: others leave them alone while this runs')
        .argParser(parseNames)
        .conflicts('except'),
    )
    .addOption(new Option('--except <names>', 'run all but these subscriptions').argParser(parseNames))
    .option('--exit-when-idle <seconds>', 'end when nothing has been due or running for so long', parseWhole(1, 86_400))
    .addHelpText('after', EXAMPLES)
    .action(async (options: WorkerOptions) => {
      if (options.subscriptions && !options.starter) {
        throw new UsageError('--subscriptions needs its own starter: leave out --no-starter.');
      }
      checkServiceType('worker');
      checkUseJobs('worker', await whereJobsRun(options.app));
      const { runWorker } = await import('../worker.ts');
      await runWorker(options);
    });
}
