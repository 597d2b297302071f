import { SubscriptionNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { pauseGroup } from '../work/pause-group.ts';

/** Paused, it gets messages and delivers none: they wait. @throws SubscriptionNotFoundError */
export async function pauseSubscription(db: Database, subscription: string, paused: boolean): Promise<void> {
  const { rows } = await db.query(`select 1 from ${db.schema}.subscription where name = $1::text`, [subscription]);
  if (rows.length === 0 || !(await pauseGroup(db, subscription, paused))) {
    throw new SubscriptionNotFoundError(subscription);
  }
}
