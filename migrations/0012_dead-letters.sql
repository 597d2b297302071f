-- What a person decides about dead units, and about subscriptions: redrives and discards that are kept, older messages brought to a subscription, one that is
-- removed. And the two roles that may publish and nothing else of work.

create table work_decision (
  id bigint generated always as identity primary key,
  work_id text not null,
  epoch bigint not null,
  decision text not null check (decision in ('redrive', 'discard')),
  decided_at timestamptz not null default clock_timestamp(),
  not_before timestamptz,
  error_code text not null,
  error_fingerprint text,
  actor text,
  correlation_id text
);
comment on table work_decision is 'Who redrove or discarded which dead unit, and when; kept for 90 days.';
comment on column work_decision.epoch is 'Of the life that had ended.';
comment on column work_decision.not_before is 'Of a redrive that was spread over time.';
create index work_decision_work_id on work_decision (work_id, id);
create index work_decision_decided_at on work_decision (decided_at);

-- redrive_work or discard_work, kept with who decided. False where it is not dead any more: nothing is done and nothing is kept.
create function decide_dead(p_id text, p_decision text, p_not_before timestamptz default null, p_actor text default null, p_correlation_id text default null)
returns boolean language plpgsql set search_path from current as $$
declare
  v record;
begin
  select epoch, error, error_fingerprint into v from work where id = p_id and state = 'dead';
  if not found or not (case p_decision when 'redrive' then redrive_work(p_id) when 'discard' then discard_work(p_id) end) then
    return false;
  end if;
  if p_decision = 'redrive' and p_not_before > clock_timestamp() then
    update work set not_before = p_not_before where id = p_id and state in ('ready', 'waiting');
  end if;
  insert into work_decision (work_id, epoch, decision, not_before, error_code, error_fingerprint, actor, correlation_id)
  values (p_id, v.epoch, p_decision, case p_decision when 'redrive' then p_not_before end, coalesce(v.error ->> 'code', 'unknown'),
    v.error_fingerprint, p_actor, p_correlation_id);
  return true;
end
$$;

create function prune_decisions(p_limit integer) returns bigint language sql set search_path from current as $$
  with pruned as (
    delete from work_decision where id in (
      select d.id from work_decision d where d.decided_at < statement_timestamp() - interval '90 days' limit p_limit for update skip locked)
    returning 1
  )
  select count(*) from pruned
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- Backfill: older messages for a subscription that came later
-- ---------------------------------------------------------------------------------------------------------------

alter table subscription add column listens_since timestamptz not null default clock_timestamp();
comment on column subscription.listens_since is 'What was published later to its topic was delivered then; older messages come by a backfill.';

create table backfill (
  id bigint generated always as identity primary key,
  subscription text not null references subscription (name) on delete cascade,
  since timestamptz not null,
  from_id bigint not null,
  next_id bigint not null,
  until_id bigint not null,
  deliveries bigint not null default 0,
  actor text,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz
);
comment on table backfill is 'Which older messages a subscription was given. What one has covered another one leaves out: finished deliveries are pruned.';
comment on column backfill.next_id is 'Messages from from_id up to here were looked at.';
create index backfill_subscription on backfill (subscription, id);

-- On another topic nothing has been delivered to it yet.
create function listen_anew() returns trigger language plpgsql set search_path from current as $$
begin
  new.listens_since := clock_timestamp();
  delete from backfill where subscription = new.name;
  return new;
end
$$;
create trigger subscription_of_another_topic before update of topic on subscription
  for each row when (new.topic <> old.topic) execute function listen_anew();

-- Begins one. Call it when every transaction that was open when the subscription was applied is over: what those have published came without it.
-- Null where there is no such subscription. 10 s: between the moment of `listens_since` and the commit of the subscription some may have published too.
create function begin_backfill(p_subscription text, p_since timestamptz, p_actor text default null) returns backfill
language plpgsql set search_path from current as $$
declare
  s subscription;
  b backfill;
begin
  select * into s from subscription where name = p_subscription;
  if not found then
    return null;
  end if;
  insert into backfill (subscription, since, from_id, next_id, until_id, actor)
  select s.name, p_since, coalesce(min(m.id), 0), coalesce(min(m.id), 0), coalesce(max(m.id) + 1, 0), p_actor
  from message m
  where m.topic = s.topic and m.published_at >= p_since and m.published_at < s.listens_since + interval '10 seconds'
  returning * into b;
  return b;
end
$$;

-- The next p_limit messages of it, in the order of their publication, in one transaction with how far it is. What was delivered, or covered by another one,
-- or would be too old already, is left out. Finished when finished_at is set.
create function run_backfill(p_id bigint, p_limit integer) returns backfill language plpgsql set search_path from current as $$
declare
  b backfill;
  s subscription;
  m message;
  v_read integer := 0;
  v_next bigint;
  v_deliveries bigint := 0;
begin
  select * into b from backfill where id = p_id for update;
  if not found or b.finished_at is not null then
    return b;
  end if;
  select * into s from subscription where name = b.subscription;
  v_next := b.next_id;
  for m in
    select * from message where topic = s.topic and id >= b.next_id and id < b.until_id order by id limit p_limit
  loop
    v_read := v_read + 1;
    v_next := m.id + 1;
    if m.published_at >= b.since
      and coalesce(least(m.expires_at, coalesce(m.not_before, m.published_at) + s.ttl) > clock_timestamp(), true)
      and not exists (
        select 1 from backfill o where o.subscription = b.subscription and o.id <> b.id and m.id >= o.from_id and m.id < o.next_id)
    then
      v_deliveries := v_deliveries + deliver_message(m, array[b.subscription]);
    end if;
  end loop;
  update backfill set deliveries = deliveries + v_deliveries,
    next_id = case when v_read < p_limit then until_id else v_next end,
    finished_at = case when v_read < p_limit then clock_timestamp() end
  where id = p_id returning * into b;
  return b;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- The end of a subscription
-- ---------------------------------------------------------------------------------------------------------------

-- 'removed'; 'backlog' or 'dead' where it has deliveries that have not ended, or dead ones; 'unknown'. p_unused: only where it has not been used for its own
-- expires_after, else 'used'. Its finished deliveries go with it. Its group stays: a message that is being published to it meanwhile must not fail for that.
create function remove_subscription(p_name text, p_unused boolean default false) returns text language plpgsql set search_path from current as $$
declare
  s subscription;
begin
  select * into s from subscription where name = p_name for update;
  if not found then
    return 'unknown';
  end if;
  if p_unused and (s.expires_after is null or s.used_at >= clock_timestamp() - s.expires_after) then
    return 'used';
  end if;
  if exists (select 1 from work where group_name = p_name and state in ('waiting', 'ready', 'claimed', 'started')) then
    return 'backlog';
  end if;
  if exists (select 1 from work where group_name = p_name and state = 'dead') then
    return 'dead';
  end if;
  delete from subscription where name = p_name;
  delete from work where group_name = p_name and workflow = 'delivery' and state in ('done', 'cancelled', 'expired');
  update work_group set cap = null, paused = false, on_dead = 'free' where name = p_name;
  return 'removed';
end
$$;

-- Those whose expires_after has passed without a worker that knows them, and without a backlog. Returns their names.
create function expire_subscriptions() returns setof text language sql set search_path from current as $$
  select s.name from subscription s
  where s.expires_after is not null and s.used_at < clock_timestamp() - s.expires_after and remove_subscription(s.name, true) = 'removed'
$$;
insert into sweep_counter (name) values ('expired_subscription');

-- ---------------------------------------------------------------------------------------------------------------
-- Roles: a publisher may publish and nothing else; whoever reads row changes may publish, and keep how far it is (see where that table is made).
-- ---------------------------------------------------------------------------------------------------------------

do $$
begin
  execute format('grant usage on schema %I to tidemark_publisher, tidemark_cdc', current_schema());
end
$$;

-- It runs as its owner, so that publishing needs no right to any table.
do $$
declare
  item record;
begin
  for item in
    select p.oid::regprocedure as signature from pg_proc p where p.pronamespace = current_schema()::regnamespace and p.proname = 'publish_message'
  loop
    execute format('alter function %s security definer', item.signature);
    execute format('revoke execute on function %s from public', item.signature);
    execute format('grant execute on function %s to tidemark_app, tidemark_publisher, tidemark_cdc', item.signature);
  end loop;
end
$$;

call settle_privileges();
