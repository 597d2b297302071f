/**
 * Messages, by SQL alone: what was published, as its publishers have recorded it, against what the subscriptions' handlers have done.
 *
 * 1. every publication that its publisher was told of is there, and is one message; no message is of a transaction that did not commit
 * 2. every message was handled by every subscription of its topic, with its effect once: in the transaction of the delivery, or in one of its own
 * 3. messages of one key were handled, by the ordered subscription, in the order of their commits
 * 4. every delivery is done, once; no epoch of it ended twice; after each death it had another one
 * 5. each death of a subscription with a dead letter topic was published there once
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type pg from 'pg';

export interface CheckedMessages {
  messages: number;
  /** Of them with an ordering key, as the ordered subscription handled them. */
  inOrder: number;
  deliveries: number;
  deaths: number;
}

/** Of each message its name, whatever its payload is kept as. */
const MESSAGES = `(select m.id, m.topic, m.ordering_key as key, coalesce(m.data, convert_from(m.bytes, 'utf8')::json) ->> 'name' as name,
  m.attributes ->> 'deadLetterMessageId' as died from tidemark.message m where m.topic not like 'changes.%')`;
const SUBSCRIPTIONS = `(values ('drill-ordered', 'drill-event'), ('drill-once', 'drill-event'), ('drill-notes', 'drill-note'),
  ('drill-buried', 'drill-dead')) as s (subscription, topic)`;

export async function checkMessages(client: pg.Client, publishedFile: string, find: (finding: string) => void): Promise<CheckedMessages> {
  const list = async (sql: string, describe: (row: Record<string, unknown>) => string, values: unknown[] = []) => {
    for (const row of (await client.query(sql, values)).rows) find(describe(row));
  };

  await list(
    `select n.name from unnest($1::text[]) n (name) where not exists (select 1 from drill.published p where p.name = n.name) order by 1`,
    ({ name }) => `message ${name} was acknowledged and is not there`,
    [await readNames(publishedFile)],
  );
  await list(
    `select coalesce(p.name, m.name) as name, coalesce(p.times, 0) as published, coalesce(m.times, 0) as messages
     from (select name, count(*) as times from drill.published group by 1) p
     full join (select name, count(*) as times from ${MESSAGES} m where topic <> 'drill-dead' group by 1) m on m.name = p.name
     where p.times is distinct from 1 or m.times is distinct from 1 order by 1`,
    ({ name, published, messages }) => `message ${name} was published in ${published} transactions, and is there ${messages} times`,
  );
  await list(
    `select s.subscription, m.id, m.name, coalesce(h.times, 0) as times
     from ${SUBSCRIPTIONS} join ${MESSAGES} m on m.topic = s.topic
     left join (select subscription, message_id, count(*) as times from drill.handled group by 1, 2) h
       on h.subscription = s.subscription and h.message_id = m.id
     where s.subscription <> 'drill-once' and h.times is distinct from 1 order by 1, 2`,
    ({ subscription, id, name, times }) => `message ${id} (${name}) was handled by ${subscription} ${times} times`,
  );
  await list(
    `select m.id, m.name, coalesce(e.times, 0) as times from ${MESSAGES} m
     left join (select name, count(*) as times from drill.effect group by 1) e using (name)
     where m.topic = 'drill-event' and e.times is distinct from 1 order by 1`,
    ({ id, name, times }) => `message ${id} (${name}) has had its effect in a transaction of its own ${times} times`,
  );
  await list(
    `select * from (
       select p.key, p.name, p.number, lag(p.number) over behind as before, lag(p.name) over behind as name_before
       from drill.handled h join drill.published p on p.name = h.name
       where h.subscription = 'drill-ordered' and p.key is not null
       window behind as (partition by p.key order by h.id)) o
     where number <> coalesce(before, 0) + 1 order by key, before`,
    ({ key, name, number, before, name_before }) =>
      `message ${name}, number ${number} of ${key}, was handled after ${name_before ?? 'none'}, number ${before ?? 0}`,
  );
  await list(
    `select s.subscription, m.id, m.name from ${SUBSCRIPTIONS} join ${MESSAGES} m on m.topic = s.topic
     where not exists (
       select 1 from drill.delivery_ended e where e.subscription = s.subscription and e.message_id = m.id and e.state = 'done') order by 1, 2`,
    ({ subscription, id, name }) => `message ${id} (${name}) has no delivery to ${subscription} that is done`,
  );
  await list(
    `select work_id, epoch, string_agg(state, ', ' order by at) as ends from drill.delivery_ended
     group by 1, 2 having count(*) > 1 order by 1, 2`,
    ({ work_id, epoch, ends }) => `${work_id}, epoch ${epoch}, ended more than once: ${ends}`,
  );
  await list(
    `select work_id, count(*) filter (where state = 'done') as done, (array_agg(state order by epoch desc))[1] as last
     from drill.delivery_ended group by 1 having count(*) filter (where state = 'done') <> 1 or (array_agg(state order by epoch desc))[1] <> 'done' order by 1`,
    ({ work_id, done, last }) => `${work_id} was done ${done} times, and its last end is ${last}`,
  );
  await list(
    `select d.message_id, d.deaths, coalesce(m.told, 0) as told
     from (select message_id, count(*) as deaths from drill.delivery_ended where state = 'dead' and subscription = 'drill-notes' group by 1) d
     full join (select died::bigint as message_id, count(*) as told from ${MESSAGES} m where topic = 'drill-dead' group by 1) m
       on m.message_id = d.message_id
     where d.deaths is distinct from m.told order by 1`,
    ({ message_id, deaths, told }) => `message ${message_id} died ${deaths ?? 0} times, and ${told} dead letters were published of it`,
  );
  const { rows } = await client.query(
    `select (select count(*)::integer from drill.published) as messages,
       (select count(*)::integer from drill.handled h join drill.published p on p.name = h.name
        where h.subscription = 'drill-ordered' and p.key is not null) as in_order,
       (select count(*)::integer from drill.delivery_ended where state = 'done') as deliveries,
       (select count(*)::integer from drill.delivery_ended where state = 'dead') as deaths`,
  );
  const { messages, in_order: inOrder, deliveries, deaths } = rows[0];
  return { messages, inOrder, deliveries, deaths };
}

async function readNames(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    names.push(...JSON.parse(line).names);
  }
  return names;
}
