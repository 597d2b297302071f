/**
 * Brings older messages to a subscription: those that were published to its topic before it was there, and that it has not been given yet. In pages, each a
 * transaction with how far it is: cut off, it has done a part, and the next one leaves that out.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidInputError, SubscriptionNotFoundError, UnavailableError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';

export interface BackfillProgress {
  /** Deliveries that there are now and were not. */
  deliveries: number;
  /** Of the messages to look at, from 0 to 1. */
  part: number;
}

export interface BackfillOptions {
  /** Messages published since then. Those older than 7 days are gone. */
  since: Date;
  /** Kept with it. */
  actor?: string | undefined;
  onProgress?: (progress: BackfillProgress) => void;
  /** Aborted: no further page. */
  signal?: AbortSignal;
  /** How long to wait for transactions that may have published without knowing of the subscription. Default 10,000. */
  waitMs?: number;
}

const PAGE = 500;
const LOOK_AGAIN_MS = 50;

/** @throws SubscriptionNotFoundError; InvalidInputError for a date that is none; UnavailableError where a transaction stays open too long */
export async function backfillSubscription(
  db: Database,
  subscription: string,
  { since, actor, onProgress, signal, waitMs = 10_000 }: BackfillOptions,
): Promise<BackfillProgress> {
  if (Number.isNaN(since.getTime())) {
    throw new InvalidInputError('The time since when to bring messages is no date. Give a Date.');
  }
  await untilTransactionsEnd(db, waitMs, signal);
  const begun = await db.query(`select * from ${db.schema}.begin_backfill($1::text, $2::timestamptz, $3::text)`, [
    subscription,
    since,
    actor ?? null,
  ]);
  let row = begun.rows[0];
  if (row.id === null) {
    throw new SubscriptionNotFoundError(subscription);
  }
  while (row.finished_at === null && !signal?.aborted) {
    const { rows } = await db.query(`select * from ${db.schema}.run_backfill($1::bigint, $2::integer)`, [row.id, PAGE]);
    row = rows[0];
    if (row.id === null) {
      throw new SubscriptionNotFoundError(subscription);
    }
    onProgress?.(progressOf(row));
  }
  return progressOf(row);
}

/** What is open now may have published before the subscription was there, and commit after we have looked. */
async function untilTransactionsEnd(db: Database, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  const { rows } = await db.query('select pg_current_xact_id()::text as now');
  const deadline = performance.now() + waitMs;
  for (;;) {
    const open = await db.query('select pg_snapshot_xmin(pg_current_snapshot()) <= $1::xid8 as open', [rows[0].now]);
    if (!open.rows[0].open || signal?.aborted) {
      return;
    }
    if (performance.now() > deadline) {
      throw new UnavailableError(
        `A transaction has been open for ${Math.round(waitMs / 1_000)} s that may have published to it: try again when it is over. See pg_stat_activity.`,
      );
    }
    await delay(LOOK_AGAIN_MS);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
function progressOf({ deliveries, from_id, next_id, until_id }: any): BackfillProgress {
  const all = Number(until_id) - Number(from_id);
  return { deliveries: Number(deliveries), part: all === 0 ? 1 : (Number(next_id) - Number(from_id)) / all };
}
