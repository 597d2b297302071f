/**
 * What a worker does about subscriptions beside its deliveries: says that it knows its own, at its start and once a day, so that they do not expire; and
 * tells a person what is not as the registry says. It changes nothing else: `tidemark subscriptions apply` does.
 */
import type { Database } from '../postgres/queryable.ts';
import { planSubscriptions, type SubscriptionChange } from './apply-subscriptions.ts';
import type { AnyWorker } from './define-worker.ts';
import { countTakingProcesses } from './taking-processes.ts';

const DAY_MS = 86_400_000;
const APPLY = "Run 'tidemark subscriptions apply'";

/**
 * One line for each that is not as its registry says, or is in none, has a backlog, and no other process takes it.
 * @param takenElsewhere by worker processes of other apps, perhaps
 */
export function describeDifferences(plan: readonly SubscriptionChange[], takenElsewhere: { has(subscription: string): boolean }): string[] {
  return plan.flatMap(({ subscription, change, differences, backlog }) => {
    switch (change) {
      case 'create':
        return [`Subscription '${subscription}' is not in the database: it gets no messages. ${APPLY}.`];
      case 'update':
        return [`Subscription '${subscription}' differs from its worker in ${Object.keys(differences).join(', ')}. ${APPLY}.`];
      case 'unknown':
        return backlog > 0 && !takenElsewhere.has(subscription)
          ? [
              `Subscription '${subscription}' has a backlog of ${backlog} and no worker here. Start one that defines it, or remove it: 'tidemark subscriptions remove ${subscription}'.`,
            ]
          : [];
      default:
        return [];
    }
  });
}

/** A worker knows these: they are in use. Those that are not in the database are not made. */
async function markSubscriptionsUsed(db: Database, subscriptions: readonly string[]): Promise<void> {
  await db.query(`update ${db.schema}.subscription set used_at = clock_timestamp() where name = any ($1::text[])`, [subscriptions]);
}

/**
 * @param takes those of them that this process takes: the others are for others to warn of
 * @param warn gets a line for each difference, once, at the start
 * @returns stops it
 */
export async function keepSubscriptions(
  db: Database,
  workers: readonly AnyWorker[],
  takes: readonly string[],
  warn: (message: string) => void,
): Promise<() => void> {
  const names = workers.map((worker) => worker.subscription);
  await markSubscriptionsUsed(db, names);
  const plan = await planSubscriptions(db, workers);
  const own = plan.filter(({ change, subscription }) => change === 'unknown' || takes.includes(subscription));
  for (const line of describeDifferences(own, await countTakingProcesses(db))) {
    warn(line);
  }
  const timer = setInterval(() => {
    markSubscriptionsUsed(db, names).catch((error: Error) => warn(`subscriptions: ${error.message}`));
  }, DAY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
