import type { Command } from 'commander';
import { addSubscriptionsApply } from './subscriptions-apply.ts';
import { addSubscriptionsBackfill } from './subscriptions-backfill.ts';
import { addSubscriptionsChange } from './subscriptions-change.ts';
import { addSubscriptionsList } from './subscriptions-list.ts';

const EXAMPLES = `
Examples:
  $ tidemark subscriptions list                      depth, oldest and dead letters of each
  $ tidemark subscriptions plan                      what 'apply' would change; exit code 1 where that is anything
  $ tidemark subscriptions apply
  $ tidemark subscriptions pause mail
  $ tidemark subscriptions backfill mail --since 2d
  $ tidemark subscriptions remove mail

A subscription gets what is published after it was applied. 'tidemark dev' applies by itself; elsewhere a deployment does.`;

export function addSubscriptions(program: Command): void {
  const subscriptions = program
    .command('subscriptions')
    .description('who gets which messages: list, plan, apply, pause, resume, backfill, remove')
    .addHelpText('after', EXAMPLES);
  addSubscriptionsList(subscriptions);
  addSubscriptionsApply(subscriptions);
  addSubscriptionsChange(subscriptions);
  addSubscriptionsBackfill(subscriptions);
}
