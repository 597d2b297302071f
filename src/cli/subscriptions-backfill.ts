import { type Command, InvalidArgumentError } from 'commander';
import { durationMs } from '../duration.ts';
import { ownName } from './own-name.ts';
import { formatCount, formatJson, print } from './print.ts';
import { stopOnSignal } from './stop-signal.ts';
import { withDatabase } from './with-database.ts';

const EXAMPLES = `
Examples:
  $ tidemark subscriptions backfill mail --since 2d
  $ tidemark subscriptions backfill mail --since 2026-11-20T08:00:00Z

Brings messages that were published before the subscription was applied, in the order of their publication: only those
that it was not given yet, so it may be repeated. Messages are kept for 7 days. Ctrl-C leaves it where it is.`;

interface BackfillOptions {
  since: Date;
  actor?: string;
  json?: boolean;
}

export function addSubscriptionsBackfill(subscriptions: Command): void {
  subscriptions
    .command('backfill')
    .description('bring older messages to it')
    .argument('<subscription>', 'its name')
    .requiredOption('--since <time>', 'published since then: a time (ISO 8601), or so long ago: 90s, 10m, 2h, 7d', parseSince)
    .option('--actor <actor>', 'who asks for it, kept with it (default: your name on this machine)')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runBackfill);
}

async function runBackfill(subscription: string, { since, actor = ownName(), json }: BackfillOptions): Promise<void> {
  const { backfillSubscription } = await import('../messages/backfill.ts');
  const { notify } = await import('../postgres/listen.ts');
  const signal = stopOnSignal(() => {});
  await withDatabase(async ({ db, pool, targets }) => {
    let shown = 0;
    const { deliveries, part } = await backfillSubscription(db, subscription, {
      since,
      actor,
      signal,
      onProgress({ deliveries: soFar, part: done }) {
        const percent = Math.floor(done * 100);
        if (json || percent < shown + 10) return;
        shown = percent;
        process.stderr.write(`${percent} %, ${formatCount(soFar)} deliveries\n`);
      },
    });
    if (deliveries > 0) await notify(pool, 'work', targets.schema);
    const isComplete = part === 1;
    print(
      json
        ? formatJson({ subscription, since, deliveries, isComplete })
        : `Brought to ${subscription}: ${formatCount(deliveries)} ${deliveries === 1 ? 'message' : 'messages'}${isComplete ? '' : ' so far; run it again for the rest'}.`,
    );
    if (!isComplete) process.exitCode = 1;
  });
}

function parseSince(text: string): Date {
  const ago = durationMs(text);
  const since = new Date(ago === undefined ? (/^\d{4}-\d\d-\d\d/.test(text) ? text : Number.NaN) : Date.now() - ago);
  if (Number.isNaN(since.getTime())) {
    throw new InvalidArgumentError('Use a time such as 2026-11-20T08:00:00Z, or a whole number and a unit: 90s, 10m, 2h or 7d.');
  }
  return since;
}
