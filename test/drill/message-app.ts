/**
 * What the drill publishes, and who gets it. A message says itself what is to become of it: how often it fails, whether it dies; so it comes through in
 * the end, once it is redriven. What a worker does it records in the tables of message-recording.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { AnyWorker } from '../../src/messages/define-worker.ts';
import { defineWorker } from '../../src/messages/define-worker.ts';
import type { Message, MessageContext } from '../../src/messages/message.ts';
import { defineTopics, type MessageType } from '../../src/messages/topic.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { NonRetryableError } from '../../src/work/retry-policy.ts';

const task = z.object({
  /** Of this message alone. */
  name: z.string(),
  takesMs: z.number(),
  /** So many attempts fail, in a row. */
  failures: z.int(),
  /** The first attempt gives up at once. */
  givesUp: z.boolean(),
});
export type Task = z.infer<typeof task>;

/** Kept as bytes. */
const taskInBytes: MessageType<Task> = {
  encoding: 'binary',
  encode: (value) => new TextEncoder().encode(JSON.stringify(task.parse(value))),
  decode: (stored) => task.parse(JSON.parse(new TextDecoder().decode(stored as Uint8Array))),
};

export const drillTopics = defineTopics({ 'drill-event': task, 'drill-note': taskInBytes, 'drill-dead': taskInBytes });

const RETRY = { initialMs: 20, maxMs: 300 };

/** @param pool for transactions of a handler's own */
export function drillWorkers(pool: Pool): AnyWorker[] {
  const ordered = defineWorker(drillTopics, {
    topic: 'drill-event',
    subscription: 'drill-ordered',
    enableMessageOrdering: true,
    onPoison: 'block',
    deadLetter: { maxDeliveryAttempts: 3 },
    retry: RETRY,
    async handler(message, context) {
      await recordHandled(message, context, 'drill-ordered');
      await perform(message.data, context);
    },
  });
  const once = defineWorker(drillTopics, {
    topic: 'drill-event',
    subscription: 'drill-once',
    maxMessages: 10,
    deadLetter: { maxDeliveryAttempts: 3 },
    retry: RETRY,
    async handler({ data }, context) {
      await inTransaction(pool, async (tx) => {
        if (await context.once(tx)) await tx.query('insert into drill.effect (name) values ($1)', [data.name]);
      });
      await perform(data, context);
    },
  });
  const notes = defineWorker(drillTopics, {
    topic: 'drill-note',
    subscription: 'drill-notes',
    // Longer than what runs without heartbeats.
    ackDeadlineMs: 12_000,
    deadLetter: { maxDeliveryAttempts: 2, topic: 'drill-dead' },
    retry: RETRY,
    async handler(message, context) {
      await recordHandled(message, context, 'drill-notes');
      await perform(message.data, context);
    },
  });
  const buried = defineWorker(drillTopics, {
    topic: 'drill-dead',
    subscription: 'drill-buried',
    handler: (message, context) => recordHandled(message, context, 'drill-buried'),
  });
  return [ordered, once, notes, buried];
}

async function recordHandled({ data, messageId }: Message<Task>, { db, attempt }: MessageContext, subscription: string): Promise<void> {
  await db.query('insert into drill.handled (subscription, message_id, name, attempt) values ($1, $2, $3, $4)', [
    subscription,
    messageId,
    data.name,
    attempt,
  ]);
}

/** Once it has died, it comes through at its next life. */
async function perform(
  { takesMs, failures, givesUp }: Task,
  { db, attempt, idempotencyKey, signal, heartbeat }: MessageContext,
): Promise<void> {
  await delay(takesMs / 2, undefined, { signal });
  await heartbeat();
  await delay(takesMs / 2, undefined, { signal });
  if (failures === 0 && !givesUp) return;
  const { rows } = await db.query(`select 1 from drill.delivery_ended where work_id = $1 and state = 'dead' limit 1`, [idempotencyKey]);
  if (rows.length > 0) return;
  if (givesUp && attempt === 1) throw new NonRetryableError('As it was told: no other attempt can succeed.');
  if (attempt <= failures) throw new Error(`As it was told: attempt ${attempt} of those that fail.`);
}
