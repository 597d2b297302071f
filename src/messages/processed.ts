import { inSchema, type Queryable } from '../postgres/queryable.ts';

/** Writes down, in the transaction of the effects, that these messages have had theirs. @returns those of which that was not there */
export async function markProcessed(
  tx: Queryable,
  schema: string,
  subscription: string,
  messageIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const db = inSchema(tx, schema);
  const { rows } = await db.query(
    `insert into ${db.schema}.processed (subscription, message_id) select $1::text, id from unnest($2::bigint[]) id order by id
     on conflict do nothing returning message_id`,
    [subscription, messageIds],
  );
  return new Set(rows.map((row) => String(row.message_id)));
}
