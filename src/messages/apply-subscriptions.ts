/**
 * Brings the subscriptions of the database to what the registry says. Only then does a new one get messages: those of later commits.
 * One that no registry names any more stays, with its backlog, until a person removes it.
 */
import type { Database } from '../postgres/queryable.ts';
import { type AnyWorker, DEFAULT_BATCH_WAIT_MS } from './define-worker.ts';

export interface SubscriptionChange {
  subscription: string;
  /** 'unknown': in the database, in no registry that we have. */
  change: 'create' | 'update' | 'none' | 'unknown';
  /** What differs, by its option's name: as it is, and as it is to be. */
  differences: Record<string, { is: unknown; wanted: unknown }>;
  /** Deliveries that have not ended. */
  backlog: number;
}

/** @returns what `applySubscriptions` would change; by name */
export async function planSubscriptions(db: Database, workers: Iterable<AnyWorker>): Promise<SubscriptionChange[]> {
  const { rows } = await db.query(
    `select s.name, s.topic, s.ordered, s.dead_letter_topic, g.cap, g.on_dead, g.rate_units, extract(epoch from g.rate_per) * 1000 as rate_per_ms,
       g.batch_max, extract(epoch from g.batch_wait) * 1000 as batch_wait_ms,
       extract(epoch from s.ttl) * 1000 as ttl_ms, extract(epoch from s.expires_after) * 1000 as expires_after_ms,
       (select count(*) from ${db.schema}.work w where w.group_name = s.name and w.state in ('waiting', 'ready', 'claimed', 'started')) as backlog
     from ${db.schema}.subscription s join ${db.schema}.work_group g on g.name = s.name`,
  );
  const present = new Map(rows.map((row) => [row.name as string, row]));
  const changes: SubscriptionChange[] = [];
  for (const worker of workers) {
    const row = present.get(worker.subscription);
    present.delete(worker.subscription);
    const differences = row ? differencesOf(settingsOfRow(row), settingsOf(worker)) : {};
    const change = row === undefined ? 'create' : Object.keys(differences).length > 0 ? 'update' : 'none';
    changes.push({ subscription: worker.subscription, change, differences, backlog: Number(row?.backlog ?? 0) });
  }
  for (const [subscription, row] of present) {
    changes.push({ subscription, change: 'unknown', differences: {}, backlog: Number(row.backlog) });
  }
  return changes.sort((a, b) => (a.subscription < b.subscription ? -1 : 1));
}

/** In one transaction, where `db` is one. @returns what was changed, as `planSubscriptions` says it */
export async function applySubscriptions(db: Database, workers: readonly AnyWorker[]): Promise<SubscriptionChange[]> {
  const plan = await planSubscriptions(db, workers);
  const settings = workers.map((worker) => ({ name: worker.subscription, ...settingsOf(worker) }));
  await db.query(
    `with given as (
       select * from json_to_recordset($1::json) as g (
         name text, topic text, "enableMessageOrdering" boolean, "messageTtlMs" bigint, "deadLetterTopic" text, "expirationMs" bigint,
         "maxMessages" integer, "onPoison" text, "rateMessages" integer, "ratePerMs" bigint, "batch.max" integer, "batch.waitMs" bigint)
     ), grouped as (
       insert into ${db.schema}.work_group as g (name, cap, on_dead, rate_units, rate_per, batch_max, batch_wait)
       select name, "maxMessages", case "onPoison" when 'block' then 'block' else 'free' end, "rateMessages", "ratePerMs" * interval '1 millisecond',
         "batch.max", "batch.waitMs" * interval '1 millisecond'
       from given order by name
       on conflict (name) do update set cap = excluded.cap, on_dead = excluded.on_dead, rate_units = excluded.rate_units,
         rate_per = excluded.rate_per, batch_max = excluded.batch_max, batch_wait = excluded.batch_wait
         where (g.cap, g.on_dead, g.rate_units, g.rate_per, g.batch_max, g.batch_wait)
           is distinct from (excluded.cap, excluded.on_dead, excluded.rate_units, excluded.rate_per, excluded.batch_max, excluded.batch_wait)
     )
     insert into ${db.schema}.subscription as s (name, topic, ordered, ttl, dead_letter_topic, expires_after)
     select name, topic, "enableMessageOrdering", "messageTtlMs" * interval '1 millisecond', "deadLetterTopic", "expirationMs" * interval '1 millisecond'
     from given order by name
     on conflict (name) do update set topic = excluded.topic, ordered = excluded.ordered, ttl = excluded.ttl,
       dead_letter_topic = excluded.dead_letter_topic, expires_after = excluded.expires_after, used_at = clock_timestamp()`,
    [JSON.stringify(settings)],
  );
  return plan;
}

type Settings = Record<string, string | number | boolean | null>;

function settingsOf({
  topic,
  maxMessages,
  rateLimit,
  enableMessageOrdering,
  onPoison,
  messageTtlMs,
  deadLetter,
  expirationPolicy,
  batch,
}: AnyWorker): Settings {
  return {
    topic,
    maxMessages: maxMessages ?? null,
    rateMessages: rateLimit?.messages ?? null,
    ratePerMs: rateLimit?.perMs ?? null,
    enableMessageOrdering: enableMessageOrdering ?? false,
    onPoison: onPoison ?? 'skip',
    messageTtlMs: messageTtlMs ?? null,
    deadLetterTopic: deadLetter?.topic ?? null,
    expirationMs: expirationPolicy?.ttlMs ?? null,
    'batch.max': batch?.max ?? null,
    'batch.waitMs': batch === undefined ? null : (batch.waitMs ?? DEFAULT_BATCH_WAIT_MS),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
function settingsOfRow(row: any): Settings {
  return {
    topic: row.topic,
    maxMessages: row.cap,
    rateMessages: row.rate_units,
    ratePerMs: row.rate_per_ms === null ? null : Number(row.rate_per_ms),
    enableMessageOrdering: row.ordered,
    onPoison: row.on_dead === 'block' ? 'block' : 'skip',
    messageTtlMs: row.ttl_ms === null ? null : Number(row.ttl_ms),
    deadLetterTopic: row.dead_letter_topic,
    expirationMs: row.expires_after_ms === null ? null : Number(row.expires_after_ms),
    'batch.max': row.batch_max,
    'batch.waitMs': row.batch_wait_ms === null ? null : Number(row.batch_wait_ms),
  };
}

function differencesOf(present: Settings, wanted: Settings): SubscriptionChange['differences'] {
  const names = Object.keys(wanted).filter((name) => present[name] !== wanted[name]);
  return Object.fromEntries(names.map((name) => [name, { is: present[name], wanted: wanted[name] }]));
}
