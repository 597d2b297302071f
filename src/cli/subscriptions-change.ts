import type { Command } from 'commander';
import type { Database } from '../postgres/queryable.ts';
import { formatJson, print } from './print.ts';
import { withDatabase } from './with-database.ts';

type Verb = 'pause' | 'resume' | 'remove';

const VERBS: Record<Verb, { meaning: string; done: string; more: string }> = {
  pause: {
    meaning: 'deliver nothing more of it for now',
    done: 'paused',
    more: 'Messages are published to it and wait; deliveries that run, end.',
  },
  resume: { meaning: 'deliver again', done: 'resumed', more: 'What has waited is delivered, oldest first.' },
  remove: {
    meaning: 'remove it',
    done: 'removed',
    more: 'Refused where it has deliveries that have not ended, or dead letters. An app that still names it brings it back when it is applied.',
  },
};

export function addSubscriptionsChange(subscriptions: Command): void {
  for (const verb of Object.keys(VERBS) as Verb[]) {
    const { meaning, more } = VERBS[verb];
    subscriptions
      .command(verb)
      .description(meaning)
      .argument('<subscription>', 'its name')
      .option('--json', 'print as JSON')
      .addHelpText('after', `\nExamples:\n  $ tidemark subscriptions ${verb} mail\n\n${more}`)
      .action((name: string, { json }: { json?: boolean }) => run(verb, name, json));
  }
}

async function run(verb: Verb, subscription: string, json = false): Promise<void> {
  await withDatabase(async ({ db, pool, targets }) => {
    await change(verb, db, subscription);
    if (verb === 'resume') {
      const { notify } = await import('../postgres/listen.ts');
      await notify(pool, 'work', targets.schema);
    }
    const { done } = VERBS[verb];
    print(json ? formatJson({ subscription, [done]: true }) : `Subscription ${subscription} is ${done}.`);
  });
}

async function change(verb: Verb, db: Database, subscription: string): Promise<void> {
  if (verb === 'remove') {
    const { removeSubscription } = await import('../messages/remove-subscription.ts');
    await removeSubscription(db, subscription);
    return;
  }
  const { pauseSubscription } = await import('../messages/pause-subscription.ts');
  await pauseSubscription(db, subscription, verb === 'pause');
}
