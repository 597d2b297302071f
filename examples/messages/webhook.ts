/**
 * An order ships, and somebody else's server is told.
 *
 * A call is made at least once. Every attempt carries the same Idempotency-Key, so a receiver that remembers it does what it has to do once, also when
 * our process died before its answer came. What the receiver asks for is done: Retry-After is waited for; what it refuses for good (4xx) is dead at once,
 * for a person to look at.
 */
import { defineWorker, NonRetryableError, RetryAfterError, type Tidemark } from 'tidemark';
import { topics } from './topics.ts';

const TIMEOUT_MS = 10_000;
const LONGEST_WAIT_MS = 24 * 3_600_000;
/** Refusals that are of the moment: timeout, too early, too many. */
const PASSING = [408, 425, 429];

export async function ship(tidemark: Tidemark<typeof topics>, orderId: string, url: string): Promise<void> {
  await tidemark.transaction(async ({ tx, publish }) => {
    await tx.query('insert into shipment (order_id, notify_url) values ($1, $2)', [orderId, url]);
    await publish('order-shipped', { orderId, url });
  });
}

export const shipmentWebhook = defineWorker(topics, {
  topic: 'order-shipped',
  subscription: 'shipment-webhook',
  // A receiver that is slow takes no more than this of us.
  maxMessages: 16,
  ackDeadlineMs: TIMEOUT_MS + 5_000,
  retry: { initialMs: 1_000, maxMs: 3_600_000 },
  deadLetter: { maxDeliveryAttempts: 20 },
  handler: async ({ data: { orderId, url }, publishedAt }, { db, signal, idempotencyKey }) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify({ orderId, shippedAt: publishedAt }),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw refusal(response);
    await db.query('update shipment set notified_at = now() where order_id = $1', [orderId]);
  },
});

function refusal({ status, url, headers }: Response): Error {
  const said = `${new URL(url).host} answered ${status}.`;
  const waitMs = retryAfterMs(headers.get('retry-after'));
  if (waitMs !== undefined) return new RetryAfterError(said, waitMs);
  return status >= 400 && status < 500 && !PASSING.includes(status) ? new NonRetryableError(said) : new Error(said);
}

/** Seconds, or a date (RFC 9110, 10.2.3). @returns undefined where it is neither */
export function retryAfterMs(value: string | null, now: number = Date.now()): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_WAIT_MS);
}
