import type { Database } from '../postgres/queryable.ts';
import type { Message } from './message.ts';

/** A message as it was published. */
export interface ListedMessage extends Omit<Message, 'data'> {
  /** Absent where it is larger than was asked for; bytes where its topic is binary. */
  payload?: unknown;
  /** How large the payload is. */
  bytes: number;
}

/** By their ids; those that are gone are not among them. @param mostBytes of a payload. Default: all of it */
export async function listMessages(
  db: Database,
  messageIds: readonly string[],
  mostBytes: number = Number.MAX_SAFE_INTEGER,
): Promise<Map<string, ListedMessage>> {
  const { rows } = await db.query(
    `select m.id, m.topic, m.attributes, m.ordering_key, m.published_at, m.actor, m.correlation_id, m.causation_id, s.size,
       case when s.size <= $2::bigint then m.data end as data, case when s.size <= $2::bigint then m.bytes end as bytes
     from ${db.schema}.message m cross join lateral (select coalesce(octet_length(m.bytes), octet_length(m.data::text)) as size) s
     where m.id = any ($1::bigint[])`,
    [messageIds.filter((id) => /^\d{1,18}$/.test(id)), mostBytes],
  );
  return new Map(rows.map((row) => [String(row.id), listedMessage(row, row.size <= mostBytes)]));
}

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
function listedMessage(row: any, hasPayload: boolean): ListedMessage {
  return {
    messageId: String(row.id),
    topic: row.topic,
    publishedAt: row.published_at,
    attributes: row.attributes ?? {},
    bytes: row.size,
    ...(hasPayload ? { payload: row.bytes === null ? row.data : new Uint8Array(row.bytes) } : {}),
    ...(row.ordering_key === null ? {} : { orderingKey: row.ordering_key }),
    ...(row.actor === null ? {} : { actor: row.actor }),
    ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }),
    ...(row.causation_id === null ? {} : { causationId: row.causation_id }),
  };
}

/** Of a delivery, by its unit's id. */
export function messageIdOf(workId: string): string {
  return workId.slice(workId.lastIndexOf('/') + 1);
}

/** As JSON has it: bytes as base64, under a name of their own. */
export function messageJson({ payload, ...message }: ListedMessage) {
  return {
    ...message,
    ...(payload === undefined
      ? {}
      : payload instanceof Uint8Array
        ? { dataBase64: Buffer.from(payload).toString('base64') }
        : { data: payload }),
  };
}
