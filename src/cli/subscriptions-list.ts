import type { Command } from 'commander';
import { describeNotTaken } from './not-taken.ts';
import { formatDuration, formatJson, formatTable, print } from './print.ts';
import { withDatabase } from './with-database.ts';

const EXAMPLES = `
Examples:
  $ tidemark subscriptions list
  $ tidemark subscriptions list --json

'processes' are worker processes that run and take it, those that were started with --subscriptions or --except too. Where that is 0 nobody
delivers its messages.`;

export function addSubscriptionsList(subscriptions: Command): void {
  subscriptions
    .command('list')
    .description('list subscriptions: how much each has to do, and how old the oldest is')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runList);
}

async function runList({ json }: { json?: boolean }): Promise<void> {
  const { listSubscriptions } = await import('../messages/list-subscriptions.ts');
  await withDatabase(async ({ db }) => {
    const subscriptions = await listSubscriptions(db);
    if (json) {
      print(formatJson({ subscriptions }));
      return;
    }
    const rows = subscriptions.map(({ name, topic, paused, processes, depth, oldestWaitingMs, usedAt }) => [
      paused ? `${name} (paused)` : name,
      topic,
      depth.waiting,
      oldestWaitingMs === undefined ? '-' : formatDuration(oldestWaitingMs),
      depth.running,
      depth.dead,
      depth.expired,
      processes,
      formatDuration(Math.max(Date.now() - usedAt.getTime(), 0)),
    ]);
    print(
      rows.length === 0
        ? "No subscriptions. Run 'tidemark subscriptions apply'."
        : formatTable(['subscription', 'topic', 'waiting', 'oldest', 'running', 'dead', 'expired', 'processes', 'used'], rows),
    );
    const notTaken = subscriptions.filter(({ processes }) => processes === 0).map(({ name }) => name);
    if (notTaken.length > 0) print(describeNotTaken(notTaken));
  });
}
