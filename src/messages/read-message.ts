import type { Database } from '../postgres/queryable.ts';
import type { Message } from './message.ts';

export interface StoredMessage {
  message: Omit<Message, 'data'>;
  /** As it was published: the value of its JSON, or its bytes. */
  payload: unknown;
}

const COLUMNS = 'id, topic, data, bytes, attributes, ordering_key, published_at, actor, correlation_id, causation_id, trace';

/** @param messageId a decimal string. @returns undefined where there is none */
export async function readMessage(db: Database, messageId: string): Promise<StoredMessage | undefined> {
  const { rows } = await db.prepared(
    `select ${COLUMNS}
     from ${db.schema}.message where id = $1::bigint`,
    [messageId],
  );
  return rows[0] && messageFromRow(rows[0]);
}

/** @returns by message id; without those that are gone */
export async function readMessages(db: Database, messageIds: readonly string[]): Promise<Map<string, StoredMessage>> {
  const { rows } = await db.prepared(
    `select ${COLUMNS}
     from ${db.schema}.message where id = any ($1::bigint[])`,
    [messageIds],
  );
  return new Map(rows.map((row) => [String(row.id), messageFromRow(row)]));
}

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
function messageFromRow(row: any): StoredMessage {
  const message: StoredMessage['message'] = {
    messageId: String(row.id),
    topic: row.topic,
    publishedAt: row.published_at,
    attributes: row.attributes ?? {},
  };
  if (row.ordering_key !== null) message.orderingKey = row.ordering_key;
  if (row.actor !== null) message.actor = row.actor;
  if (row.correlation_id !== null) message.correlationId = row.correlation_id;
  if (row.causation_id !== null) message.causationId = row.causation_id;
  if (row.trace !== null) message.traceparent = row.trace;
  return { message, payload: row.bytes === null ? row.data : new Uint8Array(row.bytes) };
}
