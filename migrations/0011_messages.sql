-- Messages: what was published, and to whom it goes. A delivery is a unit of work, `delivery/<subscription>/<message id>`, of the subscription's group: retries,
-- order, caps, priorities, pauses and deaths are those of work. A message and its deliveries commit with the fact that published it.

create table subscription (
  name text primary key references work_group (name) check (length(name) <= 100),
  topic text not null check (topic ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
  enabled boolean not null default true,
  ordered boolean not null default false,
  ttl interval check (ttl > interval '0'),
  dead_letter_topic text check (dead_letter_topic ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
  expires_after interval check (expires_after > interval '0'),
  used_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp()
);
comment on table subscription is 'Who gets what: as the registry of the application said when it was applied last. Its group has its cap, its pause, and what a death does to its key.';
comment on column subscription.enabled is 'Off: it gets nothing new. What it has is delivered.';
comment on column subscription.ordered is 'Messages with an ordering key are delivered one after another, in the order of their commits.';
comment on column subscription.ttl is 'What has not begun by then is not delivered any more; a message may say less.';
comment on column subscription.expires_after is 'Without a worker that applies or runs it, and without a backlog, it is removed after so long. Null: never.';
comment on column subscription.used_at is 'When it was applied last, or a worker that knows it started.';
create index subscription_topic on subscription (topic, name);

create table message (
  id bigint generated always as identity primary key,
  topic text not null,
  data json,
  bytes bytea,
  attributes json,
  ordering_key text,
  published_at timestamptz not null default clock_timestamp(),
  not_before timestamptz,
  expires_at timestamptz,
  actor text,
  correlation_id text,
  causation_id text,
  trace text,
  check ((data is null) <> (bytes is null))
);
comment on column message.id is 'In the order in which they were published, which is not that of their commits.';
comment on column message.data is 'The payload of a topic whose messages are JSON, as it was published.';
comment on column message.bytes is 'The payload of a binary topic, as it was published.';
comment on column message.trace is 'traceparent of whoever published it (W3C Trace Context).';
create index message_topic on message (topic, id);
create index message_published_at on message (published_at);

create table message_dedupe (
  topic text not null,
  dedupe_key text not null check (length(dedupe_key) between 1 and 500),
  message_id bigint not null,
  published_at timestamptz not null default clock_timestamp(),
  primary key (topic, dedupe_key)
);
comment on table message_dedupe is 'What was published under a key: published again within its window it is the same message.';
create index message_dedupe_published_at on message_dedupe (published_at);

create table processed (
  subscription text not null,
  message_id bigint not null,
  processed_at timestamptz not null default clock_timestamp(),
  primary key (subscription, message_id)
);
comment on table processed is 'Effects that happened: written in the transaction of the effect, kept for a window of its own, so that a message that comes again has none.';
create index processed_processed_at on processed (processed_at);

-- A delivery for each subscription of its topic, or for those that are named; how many there are now that were not there.
create function deliver_message(p_message message, p_subscriptions text[] default null) returns integer
language plpgsql set search_path from current as $$
declare
  v_count integer := 0;
  v_not_before timestamptz := coalesce(p_message.not_before, p_message.published_at);
  s record;
begin
  -- Without a key all at once; the epochs are drawn here because a unit's first one is its epoch too.
  insert into work (id, workflow, state, group_name, not_before, expires_at, epoch, first_epoch, actor, correlation_id, causation_id)
  select 'delivery/' || n.name || '/' || p_message.id, 'delivery', 'ready', n.name, v_not_before,
    least(p_message.expires_at, v_not_before + n.ttl), n.epoch, n.epoch, p_message.actor, p_message.correlation_id, p_message.causation_id
  from (
    select u.name, u.ttl, nextval('work_epoch') as epoch from subscription u
    where u.topic = p_message.topic and (p_subscriptions is null and u.enabled or u.name = any (p_subscriptions))
      and not (u.ordered and p_message.ordering_key is not null)
  ) n
  on conflict (id) do nothing;
  get diagnostics v_count = row_count;
  if p_message.ordering_key is null then
    return v_count;
  end if;
  -- In one order, so that of two who publish to the same keys neither waits for the other's second lock with its own first one in hand.
  for s in
    select u.name, u.ttl from subscription u
    where u.topic = p_message.topic and u.ordered and (p_subscriptions is null and u.enabled or u.name = any (p_subscriptions))
    order by u.name
  loop
    if not exists (select 1 from work where id = 'delivery/' || s.name || '/' || p_message.id) then
      perform add_work('delivery/' || s.name || '/' || p_message.id, 'delivery', s.name, p_message.ordering_key,
        p_not_before => v_not_before, p_expires_at => least(p_message.expires_at, v_not_before + s.ttl),
        p_actor => p_message.actor, p_correlation_id => p_message.correlation_id, p_causation_id => p_message.causation_id);
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end
$$;

-- Publishes one message. With a key under which the topic has one already, that one is the answer and nothing is written.
-- p_ttl counts from now, or from p_not_before.
create function publish_message(
  p_topic text, p_data json default null, p_bytes bytea default null, p_attributes json default null, p_ordering_key text default null,
  p_dedupe_key text default null, p_not_before timestamptz default null, p_ttl interval default null,
  p_actor text default null, p_correlation_id text default null, p_causation_id text default null, p_trace text default null,
  out message_id bigint, out deliveries integer, out is_new boolean
) language plpgsql set search_path from current as $$
declare
  v message;
begin
  if p_dedupe_key is not null then
    insert into message_dedupe as d (topic, dedupe_key, message_id) values (p_topic, p_dedupe_key, 0)
    on conflict (topic, dedupe_key) do nothing;
    if not found then
      select d.message_id into message_id from message_dedupe d where d.topic = p_topic and d.dedupe_key = p_dedupe_key;
      deliveries := 0;
      is_new := false;
      return;
    end if;
  end if;
  insert into message as m (topic, data, bytes, attributes, ordering_key, not_before, expires_at, actor, correlation_id, causation_id, trace)
  values (p_topic, p_data, p_bytes, p_attributes, p_ordering_key, p_not_before,
    greatest(p_not_before, clock_timestamp()) + p_ttl, p_actor, p_correlation_id, p_causation_id, p_trace)
  returning * into v;
  if p_dedupe_key is not null then
    update message_dedupe d set message_id = v.id where d.topic = p_topic and d.dedupe_key = p_dedupe_key;
  end if;
  message_id := v.id;
  deliveries := deliver_message(v);
  is_new := true;
end
$$;

-- The message of a delivery, by the unit's id.
create function delivery_message_id(p_work_id text) returns bigint language sql immutable as $$
  select substring(p_work_id from '[0-9]+$')::bigint
$$;

-- A delivery has died: what it was to deliver is published on the subscription's dead letter topic, in the same transaction. Of one death once.
create function publish_dead_letter() returns trigger language plpgsql set search_path from current as $$
declare
  v_topic text := (select s.dead_letter_topic from subscription s where s.name = new.group_name);
  m message;
begin
  if v_topic is null then
    return null;
  end if;
  select * into m from message where id = delivery_message_id(new.id);
  if not found then
    return null;
  end if;
  perform publish_message(v_topic, m.data, m.bytes,
    p_attributes => (coalesce(m.attributes::jsonb, '{}') || jsonb_build_object(
      'deadLetterSubscription', new.group_name, 'deadLetterTopic', m.topic, 'deadLetterMessageId', m.id::text,
      'deadLetterAttempts', new.attempt::text, 'deadLetterErrorFingerprint', coalesce(new.error_fingerprint, '')))::json,
    p_ordering_key => m.ordering_key, p_actor => m.actor, p_correlation_id => m.correlation_id, p_causation_id => new.id, p_trace => m.trace);
  return null;
end
$$;
create trigger delivery_died after update of state on work
  for each row when (new.state = 'dead' and old.state <> 'dead' and new.workflow = 'delivery') execute function publish_dead_letter();

-- Messages that were published before the window and have no delivery that may still run or be redriven. At most p_limit. By the time of the statement: an
-- index cannot be searched by a clock that goes on, and all that is kept would be read each time.
create function prune_messages(p_window interval, p_limit integer) returns bigint language plpgsql set search_path from current as $$
declare
  v_count bigint;
begin
  delete from message_dedupe where (topic, dedupe_key) in (
    select d.topic, d.dedupe_key from message_dedupe d where d.published_at < statement_timestamp() - p_window limit p_limit for update skip locked);
  delete from processed where (subscription, message_id) in (
    select p.subscription, p.message_id from processed p where p.processed_at < statement_timestamp() - p_window limit p_limit for update skip locked);
  with old as (
    select m.id from message m
    where m.published_at < statement_timestamp() - p_window
      and not exists (
        select 1 from subscription s join work w on w.id = 'delivery/' || s.name || '/' || m.id
        where w.state in ('waiting', 'ready', 'claimed', 'started', 'dead'))
    order by m.published_at limit p_limit for update of m skip locked
  ), pruned as (
    delete from message m using old o where m.id = o.id returning 1
  )
  select count(*) into v_count from pruned;
  return v_count;
end
$$;
insert into sweep_counter (name) values ('pruned_messages');

insert into workflow_name (name) values ('delivery') on conflict (name) do nothing;

call settle_privileges();
