import { SubscriptionNotFoundError, TidemarkError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';

const REFUSALS: Record<string, string> = {
  backlog: "has deliveries that have not ended. Let a worker run them ('tidemark subscriptions list' says how many)",
  dead: "has dead letters. Redrive or discard them first: 'tidemark dlq list'",
};

/**
 * Removes a subscription, and what is kept of its finished deliveries. A registry that still has it brings it back when it is applied.
 * @throws SubscriptionNotFoundError; TidemarkError 'subscription_in_use' where it has a backlog or dead letters: nothing was changed
 */
export async function removeSubscription(db: Database, subscription: string): Promise<void> {
  const { rows } = await db.query(`select ${db.schema}.remove_subscription($1::text) as answer`, [subscription]);
  const { answer } = rows[0];
  if (answer === 'unknown') {
    throw new SubscriptionNotFoundError(subscription);
  }
  if (answer !== 'removed') {
    throw new TidemarkError('subscription_in_use', `Subscription '${subscription}' ${REFUSALS[answer]}.`);
  }
}
