import type { Command } from 'commander';
import type { ScheduleChange } from '../temporal/change-schedule.ts';
import { formatCount, formatJson, print } from './print.ts';
import { withDatabase } from './with-database.ts';

type Verb = 'plan' | 'apply';

const EXAMPLES = (verb: Verb) => `
Examples:
  $ tidemark schedules ${verb}                          the app in tidemark.config.{js,mjs,ts}
  $ tidemark schedules ${verb} --app dist/app.js --json

${
  verb === 'plan'
    ? 'Changes nothing. The exit code is 1 where apply would change something, 0 where all is as the app says.'
    : 'Whether one is paused is left as it is, also where it is removed and made again. What the app does not name any more is removed; its jobs stay.'
}`;

export function addSchedulesApply(schedules: Command): void {
  for (const verb of ['plan', 'apply'] as const) {
    schedules
      .command(verb)
      .description(verb === 'plan' ? 'say what apply would change' : 'bring Temporal to what the app says')
      .option('--app <file>', 'file whose default export is the createTidemark instance')
      .option('--json', 'print as JSON')
      .addHelpText('after', EXAMPLES(verb))
      .action((options: { app?: string; json?: boolean }) => run(verb, options));
  }
}

async function run(verb: Verb, { app, json }: { app?: string; json?: boolean }): Promise<void> {
  const { loadApp } = await import('./load-app.ts');
  const { connectSchedules } = await import('../temporal/connect-schedules.ts');
  const { appSchedules } = await import('../temporal/keep-schedules.ts');
  const { reconcileSchedules } = await import('../temporal/reconcile-schedules.ts');
  await withDatabase(async ({ pool, targets: { schema, temporal } }) => {
    const { registry } = await loadApp(app, schema);
    const { client, close } = connectSchedules({ pool, schema, temporal });
    try {
      const options = { client: await client(), pool, schema, dryRun: verb === 'plan' };
      const changes = await reconcileSchedules({ ...options, ...appSchedules(registry.schedules) });
      const differs = changes.filter(({ change }) => change !== 'none' && change !== 'unknown').length;
      if (json) print(formatJson({ changes }));
      else
        printChanges(changes, `${verb === 'plan' ? 'To change' : 'Changed'}: ${formatCount(differs)} of ${formatCount(changes.length)}.`);
      if (verb === 'plan' && differs > 0) process.exitCode = 1;
    } finally {
      await close();
    }
  });
}

const MARK = { create: '+', update: '~', remove: '-', none: ' ', unknown: ' ' } as const;

function printChanges(changes: readonly ScheduleChange[], changed: string): void {
  for (const { schedule, change, differences, paused } of changes) {
    const what = Object.entries(differences).map(([option, { is, wanted }]) => `${option} ${formatJson(is)} → ${formatJson(wanted)}`);
    const news: string[] = { create: ['new'], update: what, remove: ['removed'], none: [], unknown: ["Tidemark's own"] }[change];
    if (paused) news.push('paused');
    print(`${MARK[change]} ${schedule}${news.length > 0 ? `: ${news.join(', ')}` : ''}`);
  }
  print(changes.some(({ change }) => change !== 'none' && change !== 'unknown') ? changed : 'All is as the app says.');
}
