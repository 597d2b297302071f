import type { Command } from 'commander';
import { applySubscriptions, planSubscriptions, type SubscriptionChange } from '../messages/apply-subscriptions.ts';
import { countTakingProcesses } from '../messages/taking-processes.ts';
import type { Database } from '../postgres/queryable.ts';
import { describeNotTaken } from './not-taken.ts';
import { formatCount, formatJson, print } from './print.ts';
import { withDatabase } from './with-database.ts';

const EXAMPLES = (verb: Verb) => `
Examples:
  $ tidemark subscriptions ${verb}                      the app in tidemark.config.{js,mjs,ts}
  $ tidemark subscriptions ${verb} --app dist/app.js --json

${
  verb === 'plan'
    ? 'Changes nothing. The exit code is 1 where apply would change something, 0 where all is as the app says.'
    : 'In one transaction. What no app names any more stays, with its backlog, until it is removed.'
}`;

type Verb = 'plan' | 'apply';

interface ApplyOptions {
  app?: string;
  json?: boolean;
}

export function addSubscriptionsApply(subscriptions: Command): void {
  for (const verb of ['plan', 'apply'] as const) {
    subscriptions
      .command(verb)
      .description(verb === 'plan' ? 'say what apply would change' : 'bring the database to what the app says')
      .option('--app <file>', 'file whose default export is the createTidemark instance')
      .option('--json', 'print as JSON')
      .addHelpText('after', EXAMPLES(verb))
      .action((options: ApplyOptions) => run(verb, options));
  }
}

async function run(verb: Verb, { app, json }: ApplyOptions): Promise<void> {
  const { loadApp } = await import('./load-app.ts');
  await withDatabase(async ({ db, targets }) => {
    const { registry } = await loadApp(app, targets.schema);
    const workers = [...registry.workers.values()];
    const changes = await (verb === 'plan' ? planSubscriptions : applySubscriptions)(db, workers);
    const notTaken = verb === 'plan' ? await findNotTaken(db, changes) : [];
    const differs = changes.filter(({ change }) => change === 'create' || change === 'update').length;
    if (json) {
      print(formatJson({ changes, ...(verb === 'plan' ? { notTaken } : {}) }));
    } else {
      for (const change of changes) print(formatChange(change));
      print(
        differs === 0
          ? 'All is as the app says.'
          : `${verb === 'plan' ? 'To change' : 'Changed'}: ${formatCount(differs)} of ${formatCount(changes.length)}.`,
      );
      if (notTaken.length > 0) print(describeNotTaken(notTaken));
    }
    if (verb === 'plan' && differs > 0) process.exitCode = 1;
  });
}

/** Of those in the database: nobody delivers their messages now. */
async function findNotTaken(db: Database, changes: readonly SubscriptionChange[]): Promise<string[]> {
  const taken = await countTakingProcesses(db);
  return changes
    .filter(({ change, subscription }) => change !== 'create' && !taken.has(subscription))
    .map(({ subscription }) => subscription);
}

const MARK = { create: '+', update: '~', none: ' ', unknown: '?' } as const;

function formatChange({ subscription, change, differences, backlog }: SubscriptionChange): string {
  const what = Object.entries(differences).map(([option, { is, wanted }]) => `${option} ${formatJson(is)} → ${formatJson(wanted)}`);
  const news = {
    create: ['new'],
    update: what,
    none: [],
    unknown: [`in no app that is loaded here, backlog ${formatCount(backlog)}`],
  }[change];
  return `${MARK[change]} ${subscription}${news.length > 0 ? `: ${news.join(', ')}` : ''}`;
}
