-- Row changes: what a reader of the write-ahead log has stored, and how far it is. Messages of changes, their deliveries and the checkpoint commit together;
-- only then is the slot told, so whatever is read twice is stored once.

create table change_slot (
  name text primary key check (name ~ '^[a-z0-9_]{1,63}$'),
  publication text not null,
  checkpoint pg_lsn not null,
  committed_at timestamptz,
  seen_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp()
) with (fillfactor = 10);
comment on table change_slot is 'A replication slot that is read, and how far.';
comment on column change_slot.checkpoint is 'Where the last transaction ends that is stored. Moved by compare-and-set: of two readers only one can.';
comment on column change_slot.committed_at is 'When the last transaction that is stored was committed.';
comment on column change_slot.seen_at is 'When a reader last said that it reads.';

create table change_table (
  slot text not null references change_slot (name) on delete cascade,
  schema_name text not null,
  table_name text not null,
  since pg_lsn not null,
  rows bigint not null,
  copied_at timestamptz not null default clock_timestamp(),
  primary key (slot, schema_name, table_name)
);
comment on table change_table is 'Tables whose rows were read once, as of `since`. Changes that were committed before are in what was read.';

create table change_gap (
  id bigint generated always as identity primary key,
  slot text not null,
  from_lsn pg_lsn not null,
  to_lsn pg_lsn not null,
  from_time timestamptz,
  to_time timestamptz not null default clock_timestamp(),
  reason text not null
);
comment on table change_gap is 'Changes that were committed between the two were not read and may be missing: what a slot had to give up.';

-- Stores a page of changes: a message each, a delivery for each subscription of its route. With p_to the page ends with a commit, and the checkpoint moves there;
-- where it is not at p_from any more, another reader has taken over and nothing is stored.
create function store_changes(
  p_slot text, p_from pg_lsn, p_to pg_lsn, p_committed_at timestamptz,
  p_topics text[], p_data text[], p_keys text[], p_routes integer[], p_subscriptions json
) returns void language plpgsql security definer set search_path from current as $$
declare
  v_now timestamptz := clock_timestamp();
  v_ids bigint[];
  -- Each subscription of each route: in no order, and in that of each key.
  v_routes integer[];
  v_names text[];
  v_ttls interval[];
  v_ordered boolean[];
  v_groups text[];
  v_group_keys text[];
  v_bases bigint[];
begin
  if p_to is not null then
    -- A commit that a crash can take back must not be told to the slot.
    if current_setting('synchronous_commit') = 'off' then
      perform set_config('synchronous_commit', 'on', true);
    end if;
    update change_slot set checkpoint = p_to, committed_at = coalesce(p_committed_at, committed_at), seen_at = v_now
    where name = p_slot and checkpoint = p_from;
    if not found then
      raise exception 'slot % is not at % any more: another reader has taken over', p_slot, p_from using errcode = 'TM003';
    end if;
  end if;
  if cardinality(p_topics) = 0 then
    return;
  end if;
  select array_agg(nextval('message_id_seq')) into v_ids from generate_series(1, cardinality(p_topics));
  insert into message (id, topic, data, ordering_key) overriding system value
  select c.id, c.topic, c.data::json, c.key from unnest(v_ids, p_topics, p_data, p_keys) as c (id, topic, data, key);

  select array_agg(r.route), array_agg(s.name), array_agg(s.ttl), array_agg(s.ordered) into v_routes, v_names, v_ttls, v_ordered
  from json_to_recordset(p_subscriptions) as r (route integer, name text) join subscription s on s.name = r.name and s.enabled;
  if v_routes is null then
    return;
  end if;
  if false = any (v_ordered) or array_position(p_keys, null) is not null then
    insert into work (id, workflow, state, group_name, not_before, expires_at, epoch, first_epoch)
    select 'delivery/' || n.name || '/' || n.id, 'delivery', 'ready', n.name, v_now, v_now + n.ttl, n.epoch, n.epoch
    from (
      select c.id, r.name, r.ttl, nextval('work_epoch') as epoch
      from unnest(v_ids, p_keys, p_routes) as c (id, key, route)
      join unnest(v_routes, v_names, v_ttls, v_ordered) as r (route, name, ttl, ordered) on r.route = c.route
      where not (r.ordered and c.key is not null)
    ) n;
  end if;
  if not true = any (v_ordered) then
    return;
  end if;

  -- As add_work does for one: keys are locked in one order before anybody looks at what is behind them.
  with added as (
    select r.name, c.key, count(*) as units
    from unnest(p_keys, p_routes) as c (key, route)
    join unnest(v_routes, v_names, v_ordered) as r (route, name, ordered) on r.route = c.route
    where r.ordered and c.key is not null
    group by r.name, c.key
  ), locked as (
    insert into work_key as k (group_name, ordering_key, next_position) select name, key, units from added order by name, key
    on conflict (group_name, ordering_key) do update set next_position = k.next_position + excluded.next_position
    returning k.group_name, k.ordering_key, k.next_position
  )
  select array_agg(l.group_name), array_agg(l.ordering_key), array_agg(l.next_position - a.units) into v_groups, v_group_keys, v_bases
  from locked l join added a on a.name = l.group_name and a.key = l.ordering_key;
  if v_groups is null then
    return;
  end if;
  insert into work (id, workflow, state, group_name, ordering_key, position, not_before, expires_at, epoch, first_epoch)
  select 'delivery/' || n.name || '/' || n.id, 'delivery', case when n.rank = 1 and not n.busy then 'ready' else 'waiting' end,
    n.name, n.key, n.base + n.rank, v_now, v_now + n.ttl, n.epoch, n.epoch
  from (
    select c.id, k.name, k.key, k.base, k.busy, r.ttl, nextval('work_epoch') as epoch, row_number() over (partition by k.name, k.key order by c.id) as rank
    from (
      select l.name, l.key, l.base, exists (
        select 1 from work w join work_group g on g.name = w.group_name
        where w.group_name = l.name and w.ordering_key = l.key and w.state in ('waiting', 'ready', 'claimed', 'started', 'dead')
          and (w.state <> 'dead' or g.on_dead = 'block')) as busy
      from unnest(v_groups, v_group_keys, v_bases) as l (name, key, base)
    ) k
    join unnest(v_routes, v_names, v_ttls) as r (route, name, ttl) on r.name = k.name
    join unnest(v_ids, p_keys, p_routes) as c (id, key, route) on c.route = r.route and c.key = k.key
  ) n
  order by n.id;
end
$$;

-- Whoever reads changes needs no right to messages or work: storing a page runs as its owner. What they keep is how far they are.
alter function store_changes security definer;
revoke execute on function store_changes from public;
grant execute on function store_changes to tidemark_app, tidemark_cdc;
grant select, insert, update, delete on change_slot, change_table, change_gap to tidemark_cdc;
grant select on subscription, installation, migration to tidemark_cdc;

call settle_privileges();

-- Whoever reads stores through the function above, keeps how far it is, and looks at what has to be there.
revoke execute on function store_changes from public;
grant execute on function store_changes to tidemark_app, tidemark_cdc;
grant select on migration, installation, subscription to tidemark_cdc;
grant select, insert, update, delete on change_slot, change_table, change_gap to tidemark_cdc;
