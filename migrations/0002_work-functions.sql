-- What happens to a unit of work, one function a step. Lock order, always: entry -> work_key -> work.

-- Locks a key and returns the next position in it. Whoever holds it decides what the key's head is.
create function lock_work_key(p_group text, p_key text) returns bigint language sql set search_path from current as $$
  insert into work_key as k (group_name, ordering_key, next_position) values (p_group, p_key, 1)
  on conflict (group_name, ordering_key) do update set next_position = k.next_position + 1
  returning next_position
$$;

-- Whether a unit at the end of this key has to wait. The key is locked by the caller.
create function work_key_busy(p_group text, p_key text) returns boolean language plpgsql set search_path from current as $$
begin
  return exists (
    select 1 from work w join work_group g on g.name = w.group_name
    where w.group_name = p_group and w.ordering_key = p_key
      and (w.state in ('waiting', 'ready', 'claimed', 'started') or (w.state = 'dead' and g.on_dead = 'block')));
end
$$;

-- Makes the first waiting unit of a key ready, unless the key is held by another. The key is locked by the caller.
create function advance_work_key(p_group text, p_key text) returns void language plpgsql set search_path from current as $$
begin
  if exists (
    select 1 from work w join work_group g on g.name = w.group_name
    where w.group_name = p_group and w.ordering_key = p_key
      and (w.state in ('ready', 'claimed', 'started') or (w.state = 'dead' and g.on_dead = 'block'))) then
    return;
  end if;
  -- Its turn among the other keys of its group begins now, however long it has waited behind its own.
  update work set state = 'ready', not_before = greatest(not_before, clock_timestamp())
  where id = (
    select id from work where group_name = p_group and ordering_key = p_key and state = 'waiting'
    order by position limit 1);
end
$$;

-- Adds a unit, or brings a finished one back in a new epoch. A live one is left as it is.
create function add_work(
  p_id text, p_workflow text, p_group text, p_key text default null, p_log_id text default null, p_sequence_id bigint default null,
  p_input json default null, p_priority smallint default 0, p_not_before timestamptz default null, p_expires_at timestamptz default null,
  p_actor text default null, p_correlation_id text default null, p_causation_id text default null,
  p_fairness_key text default null, p_turn timestamptz default null
) returns text language plpgsql set search_path from current as $$
declare
  v_epoch bigint := nextval('work_epoch');
  v_position bigint;
  v_state text := 'ready';
begin
  if not exists (select 1 from workflow_name where name = p_workflow) then
    raise exception 'workflow ''%'' is unknown', p_workflow
      using errcode = 'TM001', hint = 'Start a worker whose app defines it, then write again.';
  end if;
  if p_key is not null then
    v_position := lock_work_key(p_group, p_key);
    -- A live unit with this id would find itself in the way of itself.
    if exists (select 1 from work where id = p_id and state in ('waiting', 'ready', 'claimed', 'started')) then
      return 'exists';
    end if;
    if work_key_busy(p_group, p_key) then
      v_state := 'waiting';
    end if;
  end if;
  insert into work as w (
    id, workflow, log_id, sequence_id, input, state, group_name, ordering_key, position, priority, not_before, expires_at,
    epoch, first_epoch, actor, correlation_id, causation_id, fairness_key, turn)
  values (
    p_id, p_workflow, p_log_id, p_sequence_id, p_input, v_state, p_group, p_key, v_position, p_priority, coalesce(p_not_before, now()), p_expires_at,
    v_epoch, v_epoch, p_actor, p_correlation_id, p_causation_id, p_fairness_key, p_turn)
  on conflict (id) do update set
    state = v_state, position = v_position, epoch = v_epoch, input = excluded.input, priority = excluded.priority,
    not_before = excluded.not_before, expires_at = excluded.expires_at, actor = excluded.actor,
    correlation_id = excluded.correlation_id, causation_id = excluded.causation_id, fairness_key = excluded.fairness_key, turn = excluded.turn, attempt = 0, unended = 0, failures = 0, fence = null,
    claim_token = null, lease_until = null, burst_id = null, alone = (w.state = 'dead'), progress = null, result = null, error = null,
    created_at = now(), begun_at = null, finished_at = null
  where w.state in ('done', 'dead', 'cancelled', 'expired');
  if not found then
    return 'exists';
  end if;
  -- It may have been its own dead self that held the key.
  if v_state = 'waiting' then
    perform advance_work_key(p_group, p_key);
  end if;
  return 'added';
end
$$;

-- A group that no longer blocks frees the keys that its dead units hold.
create function free_blocked_keys() returns trigger language plpgsql set search_path from current as $$
declare
  v_key text;
begin
  for v_key in
    select distinct ordering_key from work where group_name = new.name and state = 'dead' and ordering_key is not null order by 1
  loop
    perform lock_work_key(new.name, v_key);
    perform advance_work_key(new.name, v_key);
  end loop;
  return null;
end
$$;
create trigger work_group_frees_keys after update of on_dead on work_group
  for each row when (old.on_dead = 'block' and new.on_dead = 'free') execute function free_blocked_keys();

create function add_entry_work() returns trigger language plpgsql set search_path from current as $$
begin
  perform add_work(
    new.pending || '/' || new.log_id || '/' || new.sequence_id, new.pending, l.type, l.id, l.id, new.sequence_id,
    p_actor => new.actor, p_correlation_id => new.correlation_id, p_causation_id => new.causation_id)
  from logs l where l.id = new.log_id;
  return null;
end
$$;
create trigger entry_pending_added after insert on entries
  for each row when (new.pending is not null) execute function add_entry_work();
create trigger entry_pending_set after update of pending on entries
  for each row when (new.pending is not null and new.pending is distinct from old.pending) execute function add_entry_work();

-- ---------------------------------------------------------------------------------------------------------------
-- Claiming
-- ---------------------------------------------------------------------------------------------------------------

-- The Temporal workflow id of a unit in its present epoch.
create function execution_id(p_installation text, p_id text, p_epoch bigint, p_first_epoch bigint) returns text language sql stable as $$
  select p_installation || '/' || p_id || case when p_epoch = p_first_epoch then '' else '/r' || p_epoch end
$$;

-- How many units the rate of a group lets begin at a time. Null: it has no rate.
create function rate_left(p_group work_group, p_at timestamptz) returns double precision language sql immutable as $$
  select case when p_group.rate_units is not null then least(p_group.rate_units,
    coalesce(p_group.rate_left, p_group.rate_units)
      + greatest(coalesce(extract(epoch from p_at - p_group.rate_counted_at), 0), 0) * p_group.rate_units / extract(epoch from p_group.rate_per)) end
$$;

-- Claims ready units and says which executions to start. One claim at a time per installation (its row is locked), so
-- max_in_flight, the caps of groups and their rates hold whatever the number of starters. What has a rate never runs in a burst.
--   p_max_in_flight  units that run alone, per installation
--   p_burst_size 0   turns bursts off
--   p_max_on_their_way  units that run alone and have not begun
--   p_only           these groups and no others; null: all, but those that a process has to itself (work_part)
--   p_except         not these
-- Cost: one look at what runs, per active group one at its share of the free places, and only a deep backlog is read further.
-- Step by step: as one statement the planner expects the product of every limit, and each claim would set up what only a backlog needs.
create function claim_work(
  p_token uuid, p_lease interval, p_max_in_flight integer,
  p_burst_size integer default 100, p_burst_width integer default 8, p_burst_threshold integer default 20, p_max_bursts integer default 4,
  p_max_on_their_way integer default 10, p_only text[] default null, p_except text[] default null
) returns table (id text, epoch bigint, workflow text, group_name text, log_id text, burst_id text, execution text)
language plpgsql set search_path from current set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  v_installation text;
  v_now timestamptz;
  -- What runs, by group, workflow and burst.
  v_running_groups text[];
  v_running_workflows text[];
  v_running_bursts text[];
  v_running_units integer[];
  -- Groups that others run, those that are not looked at, and those whose units run in batches.
  v_parts text[] := '{}';
  v_except text[];
  v_batched text[];
  v_stale integer;
  v_free integer;
  v_start integer;
  -- Groups of which a unit has run alone for a minute, and how many more of them all may run alone.
  v_long_groups text[];
  v_long_room integer;
  -- Groups of bursts that go on; those that have something ready and places, how many, and whether a rate says so.
  v_open_bursts text[];
  v_open_groups text[];
  v_open_rooms integer[];
  v_open_rated boolean[];
  -- The units looked at: the turn of each in its group, the seat its group drew, the places the group has left.
  v_candidates tid[];
  v_turns integer[];
  v_seats integer[];
  v_rooms integer[];
  v_groups text[];
  v_workflows text[];
  v_priorities smallint[];
  v_sinces timestamptz[];
  v_alone boolean[];
  v_rated boolean;
  -- The units taken, and the burst of each.
  v_tids tid[];
  v_bursts text[];
begin
  -- An idle poll takes no lock and writes nothing. Nor does one that finds every place of what is ready kept for open bursts: groups of which that is so are
  -- not looked into, past the index entries of all that they have begun.
  if not exists (select 1 from work w where w.state = 'claimed' and w.lease_until < clock_timestamp()) and not (
    case when exists (select 1 from open_burst) then
      exists (select 1 from work w where w.state = 'ready' and w.burst_id is not null)
      or exists (
        select 1 from work_group g
        where case
          when g.cap <= p_burst_width * (
            select count(*) from open_burst o where o.group_name = g.name and o.seen_at > clock_timestamp() - interval '1 second') then false
          else (select true from work w where w.state = 'ready' and w.group_name = g.name limit 1) end)
    else exists (select 1 from work w where w.state = 'ready') end
  ) then
    return;
  end if;
  -- A claim lost in a crash is claimed again under the same execution id, so it need not wait for the disk.
  perform set_config('synchronous_commit', 'off', true);
  select i.id into v_installation from installation i for update;
  v_now := clock_timestamp();
  if p_only is null then
    v_parts := groups_of_parts();
  end if;
  v_except := v_parts || coalesce(p_except, '{}');
  select coalesce(array_agg(g.name), '{}') into v_batched from work_group g
  where g.batch_max is not null and (p_only is null or g.name = any (p_only)) and g.name <> all (v_except);

  loop
    -- Few are on their way (claimed or started, not begun) at once: what a busy worker does not get to within its task timeout is run twice.
    select array_agg(r.group_name), array_agg(r.workflow), array_agg(r.burst_id), array_agg(r.units), coalesce(sum(r.stale), 0),
      -- What runs for long is let be: as many as half of the places do not count.
      greatest(p_max_in_flight - coalesce(sum(r.units) filter (where r.burst_id is null), 0) + least(coalesce(sum(r.long), 0), p_max_in_flight / 2), 0),
      greatest(p_max_on_their_way - coalesce(sum(r.waiting) filter (where r.burst_id is null), 0), 0),
      coalesce(array_agg(r.group_name) filter (where r.long > 0), '{}'), coalesce(array_agg(r.group_name) filter (where r.open), '{}')
    into v_running_groups, v_running_workflows, v_running_bursts, v_running_units, v_stale, v_free, v_start, v_long_groups, v_open_bursts
    from (
      select b.group_name, b.workflow, b.burst_id,
        -- A burst that begins more keeps its width; of another, what still runs.
        (case when b.burst_id is null then sum(b.units) when bool_or(b.open) or sum(b.waiting) > 0 then p_burst_width
          else least(sum(b.units), p_burst_width) end)::integer as units,
        sum(b.waiting) as waiting, sum(b.stale) as stale, sum(b.long) as long, bool_or(b.open) as open
      from (
        select w.group_name, w.workflow, w.burst_id, 1 as units, (w.attempt = 0)::integer as waiting,
          (w.state = 'claimed' and w.lease_until < v_now)::integer as stale,
          (w.state = 'started' and w.burst_id is null and w.begun_at < v_now - interval '1 minute')::integer as long, false as open
        from work w where w.state in ('claimed', 'started')
        union all
        -- A burst whose claim ran out is claimed again below, whatever else there is: it keeps its place.
        select w.group_name, w.workflow, w.burst_id, 1, 1, 0, 0, false from work w where w.state = 'ready' and w.burst_id is not null
        union all
        -- So does one that waits for what its group gets.
        select o.group_name, o.workflow, o.burst_id, 0, 0, 0, 0, true from open_burst o where o.seen_at > v_now - interval '1 second'
      ) b
      group by 1, 2, 3
    ) r
    where (p_only is null or r.group_name = any (p_only)) and r.group_name <> all (v_parts);
    exit when v_stale = 0;
    with stale as (
      select w.id from work w where w.state = 'claimed' and w.lease_until < v_now for update skip locked
    ), back as (
      update work w set state = 'ready', claim_token = null, lease_until = null from stale where w.id = stale.id returning 1
    )
    update sweep_counter set value = value + n.n from (select count(*) as n from back) n where name = 'expired_lease' and n.n > 0;
    exit when not found;
  end loop;

  -- What groups of long units leave to the others: a quarter of the places, so that however many long ones wait, short ones begin.
  select greatest(p_max_in_flight * 3 / 4, 1) - coalesce(sum(r.units), 0) into v_long_room
  from unnest(v_running_groups, v_running_bursts, v_running_units) r (group_name, burst_id, units)
  where r.burst_id is null and r.group_name = any (v_long_groups);

  if cardinality(v_batched) > 0 then
    return query select b.id, b.epoch, b.workflow, b.group_name, b.log_id, b.burst_id, b.execution from claim_batches(
      v_installation, p_token, p_lease, v_batched, least(v_free, v_start, greatest(v_free / 4, 1)), p_max_bursts, p_max_bursts * 4) b;
    -- What left a batch takes a quarter of the places at most.
    select v_free - count(*), v_start - count(*) into v_free, v_start from work w
    where w.group_name = any (v_batched) and w.state = 'claimed' and w.claim_token = p_token and w.burst_id is null;
  end if;

  -- Groups with something ready and a place for it. None, as most often while bursts run: what follows is left alone.
  select coalesce(array_agg(g.name), '{}'),
    array_agg(least(g.cap - coalesce(l.units, 0), floor(rate_left(g, v_now))::integer, case when g.name = any (v_long_groups) then v_long_room end)),
    array_agg(g.rate_units is not null)
  into v_open_groups, v_open_rooms, v_open_rated
  from work_group g
  left join (
    select r.group_name, sum(r.units)::integer as units from unnest(v_running_groups, v_running_units) r (group_name, units) group by 1
  ) l on l.group_name = g.name
  where not g.paused and (g.cap is null or coalesce(l.units, 0) < g.cap) and (g.rate_units is null or rate_left(g, v_now) >= 1)
    and (p_only is null or g.name = any (p_only)) and g.name <> all (v_except) and g.batch_max is null
    and (v_long_room > 0 or g.name <> all (v_long_groups))
    -- Not `exists`: as a join it would read all that is ready.
    and (select true from work w where w.state = 'ready' and w.group_name = g.name limit 1);
  if v_open_groups = '{}' and not exists (select 1 from work w where w.state = 'ready' and w.burst_id is not null) then
    return;
  end if;

  with recursive level as (
    -- The priorities that ready units of each group have, and when the first of each may run: whatever else looks at them begins there, past the
    -- index entries of all that was claimed before.
    select g.name, g.room, g.rated, f.priority, f.not_before
    from unnest(v_open_groups, v_open_rooms, v_open_rated) g (name, room, rated)
    cross join lateral (
      select w.priority, w.not_before from work w where w.state = 'ready' and w.group_name = g.name order by w.priority, w.not_before limit 1
    ) f
    union all
    select v.name, v.room, v.rated, f.priority, f.not_before
    from level v
    cross join lateral (
      select w.priority, w.not_before from work w where w.state = 'ready' and w.group_name = v.name and w.priority > v.priority
      order by w.priority, w.not_before limit 1
    ) f
  ), due as materialized (
    -- To the open bursts of its group a unit is left for a moment: there it costs less than half of what an execution does.
    select v.name, v.room, v.rated, v.priority, v.not_before as since from level v
    where v.not_before <= case when v.name = any (v_open_bursts) then v_now - interval '50 milliseconds' else v_now end
  ), active as materialized (
    -- Which group comes first is drawn anew each time: where places are fewer than groups, none waits for ever.
    select v.name, min(v.priority) as first, row_number() over (order by random())::integer as seat from due v
    group by v.name
    limit greatest(v_free, p_max_bursts)
  ), look as materialized (
    -- Of a group's first level deep enough to see a backlog, also where workflows take turns, or to fill the places that other groups leave.
    -- Of each other level some, claim after claim: what is behind a backlog that runs in bursts is to be seen, and has places.
    select greatest(a.share / 4, 1) as some,
      a.share + case when p_burst_size > 0 then (p_burst_threshold + 1) * (select least(count(*), 3) from workflow_name) else a.share end as deep
    from (select (v_free + count(*) - 1) / greatest(count(*), 1) as share from active) a
  ), candidate as (
    select c.tid, row_number() over (partition by a.seat order by v.priority, c.not_before, c.id)::integer as turn,
      a.seat, v.room, v.name as group_name, c.workflow, v.priority, v.since, v.rated, c.alone or v.rated as alone
    from active a
    join due v on v.name = a.name
    cross join lateral (
      select w.ctid as tid, w.id, w.workflow, w.not_before, w.alone from work w
      where w.state = 'ready' and w.group_name = v.name and w.priority = v.priority
        and w.not_before <= v_now and w.not_before >= v.since and w.burst_id is null
        and w.workflow in (select n.name from workflow_name n)
      order by w.not_before, w.id limit (select case when v.priority = a.first then l.deep else l.some end from look l)
    ) c
  )
  select array_agg(c.tid), array_agg(c.turn), array_agg(c.seat), array_agg(c.room), array_agg(c.group_name), array_agg(c.workflow),
    array_agg(c.priority), array_agg(c.since), array_agg(c.alone), coalesce(bool_or(c.rated), false)
  into v_candidates, v_turns, v_seats, v_rooms, v_groups, v_workflows, v_priorities, v_sinces, v_alone, v_rated
  from candidate c;

  -- Nothing to be claimed, as most often while bursts run: what follows is left alone.
  if v_candidates is null and not exists (select 1 from work w where w.state = 'ready' and w.burst_id is not null) then
    return;
  end if;

  if p_burst_size > 0 and cardinality(v_candidates) > p_burst_threshold then
    with candidate as materialized (
      select c.*, row_number() over (order by c.turn, c.seat) as place
      from unnest(v_candidates, v_turns, v_seats, v_rooms, v_groups, v_workflows, v_priorities, v_sinces, v_alone)
        c (tid, turn, seat, room, group_name, workflow, priority, since, alone)
    ), running_burst as (
      select distinct r.group_name, r.workflow, r.burst_id
      from unnest(v_running_groups, v_running_workflows, v_running_bursts) r (group_name, workflow, burst_id)
      where r.burst_id is not null and r.group_name <> all (v_batched)
    ), deep_workflow as (
      select c.workflow, coalesce(max(o.bursts), 0) as bursts
      from candidate c left join (select o.workflow, count(*)::integer as bursts from running_burst o group by 1) o on o.workflow = c.workflow
      where not c.alone and (c.room is null or c.room >= p_burst_width)
      group by 1
      having count(*) filter (where c.place > v_free or exists (
        select 1 from running_burst b where b.workflow = c.workflow and b.group_name = c.group_name)) > p_burst_threshold
    ), deep as (
      -- A backlog that runs in bursts: nothing of it runs alone meanwhile, an execution a unit would only slow the rest down.
      select c.group_name, c.workflow, c.room, p_max_bursts - d.bursts as places
      from candidate c join deep_workflow d on d.workflow = c.workflow
      where not c.alone and (c.room is null or c.room >= p_burst_width)
      group by 1, 2, 3, 4 having count(*) > p_burst_threshold
    ), share as (
      select d.group_name, d.workflow, d.room, d.free, d.place, p_burst_size * ((d.free + d.groups - 1) / d.groups) as units
      from (
        -- Of the groups with a backlog of one workflow, those with the fewest bursts open go first. One that has none waits for no other's,
        -- as long as no more than twice as many are open.
        select d.*, row_number() over (partition by d.workflow order by o.bursts, random()) as place, count(*) over (partition by d.workflow) as groups,
          case when d.places > 0 then d.places
            else greatest(least(count(*) filter (where o.bursts = 0) over (partition by d.workflow), d.places + p_max_bursts), 0) end as free
        from deep d
        cross join lateral (select count(*) as bursts from running_burst o where o.group_name = d.group_name and o.workflow = d.workflow) o
      ) d
    ), ranked as (
      select d.group_name, d.workflow, d.room, d.free, d.place, c.tid,
        (row_number() over (partition by d.group_name, d.workflow order by c.priority, c.not_before, c.id) - 1) / p_burst_size as number
      from share d
      cross join lateral (
        select u.* from (select v.priority, min(v.since) as since from candidate v where v.group_name = d.group_name group by 1 order by 1) v
        cross join lateral (
          select w.ctid as tid, w.id, w.priority, w.not_before from work w
          where w.state = 'ready' and w.group_name = d.group_name and w.priority = v.priority
            and w.not_before <= v_now and w.not_before >= v.since
            and w.burst_id is null and not w.alone and w.workflow = d.workflow
          order by w.not_before, w.id limit d.units
        ) u
        limit d.units
      ) c
      where d.place <= d.free
    ), burst_name as (
      select n.group_name, n.workflow, n.number, substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) as burst_id
      from (
        select r.*,
          row_number() over (partition by r.group_name order by r.number, r.workflow) as turn_in_group,
          row_number() over (partition by r.workflow order by r.number, r.place) as turn
        from (select distinct group_name, workflow, number, free, place, room from ranked) r
      ) n
      where n.turn <= n.free and (n.room is null or n.turn_in_group * p_burst_width <= n.room)
    ), chosen as (
      select r.tid, n.burst_id from ranked r
      join burst_name n on n.group_name = r.group_name and n.workflow = r.workflow and n.number = r.number
    ), rest as (
      select c.tid, row_number() over (partition by c.seat order by c.turn)::integer as turn, c.seat,
        c.room - p_burst_width * (select count(*) from burst_name n where n.group_name = c.group_name)::integer as room
      from candidate c
      where c.alone or not exists (select 1 from deep d where d.group_name = c.group_name and d.workflow = c.workflow)
    )
    select c.tids, c.bursts, r.tids, r.turns, r.seats, r.rooms
    into v_tids, v_bursts, v_candidates, v_turns, v_seats, v_rooms
    from (select array_agg(c.tid) as tids, array_agg(c.burst_id) as bursts from chosen c) c,
      (select array_agg(r.tid) as tids, array_agg(r.turn) as turns, array_agg(r.seat) as seats, array_agg(r.room) as rooms from rest r) r;
  elsif p_burst_size > 0 and v_candidates is not null then
    -- A group that keeps ending units, and has no burst: what is ready opens one, which goes on with what comes. As few units as run side by side, so that
    -- none waits behind another. What has to run alone goes first.
    with candidate as materialized (
      select c.*, bool_or(c.alone) over (partition by c.group_name) as mixed, row_number() over (partition by c.group_name, c.workflow order by c.turn) as place
      from unnest(v_candidates, v_turns, v_seats, v_rooms, v_groups, v_workflows, v_alone) c (tid, turn, seat, room, group_name, workflow, alone)
    ), flow as (
      select c.group_name, c.workflow, row_number() over (partition by c.workflow order by random()) + (
        select count(distinct r.burst_id) from unnest(v_running_groups, v_running_workflows, v_running_bursts) r (group_name, workflow, burst_id)
        where r.workflow = c.workflow and r.group_name <> all (v_batched)) as number
      from candidate c
      where c.turn = 1 and not c.mixed and (c.room is null or c.room >= p_burst_width)
        and not exists (
          select 1 from unnest(v_running_groups, v_running_bursts) r (group_name, burst_id) where r.group_name = c.group_name and r.burst_id is not null)
        and (select count(*) from (
          select 1 from work w where w.group_name = c.group_name and w.state = 'done' and w.finished_at > v_now - interval '1 second' limit p_burst_threshold
        ) n) >= p_burst_threshold
    ), opened as materialized (
      select f.*, substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) as burst_id from flow f where f.number <= p_max_bursts
    ), chosen as (
      select c.tid, f.group_name, f.burst_id from opened f
      join candidate c on c.group_name = f.group_name and c.workflow = f.workflow and c.place <= p_burst_width
    ), rest as (
      select c.tid, row_number() over (partition by c.seat order by c.turn)::integer as turn, c.seat,
        case when exists (select 1 from chosen h where h.group_name = c.group_name) then c.room - p_burst_width else c.room end as room
      from candidate c where not exists (select 1 from chosen h where h.tid = c.tid)
    )
    select c.tids, c.bursts, r.tids, r.turns, r.seats, r.rooms
    into v_tids, v_bursts, v_candidates, v_turns, v_seats, v_rooms
    from (select array_agg(c.tid) as tids, array_agg(c.burst_id) as bursts from chosen c) c,
      (select array_agg(r.tid) as tids, array_agg(r.turn) as turns, array_agg(r.seat) as seats, array_agg(r.room) as rooms from rest r) r;
  end if;

  select array_agg(c.tid), array_agg(c.burst_id) into v_tids, v_bursts
  from (
    select b.tid, b.burst_id from unnest(v_tids, v_bursts) b (tid, burst_id)
    union all
    -- A burst whose starter died before it was marked keeps its grouping and its id.
    select w.ctid, w.burst_id from work w where w.state = 'ready' and w.burst_id is not null
      and (p_only is null or w.group_name = any (p_only)) and w.group_name <> all (v_except)
    union all
    select a.tid, null from (
      select c.tid from unnest(v_candidates, v_turns, v_seats, v_rooms) c (tid, turn, seat, room)
      where c.room is null or c.turn <= c.room
      order by c.turn, c.seat limit least(v_free, v_start)
    ) a
  ) c;

  -- By their place in the table, which no vacuum gives to another row while this statement runs. What has moved meanwhile is left alone.
  return query
  with locked as (
    select w.ctid as tid from work w where w.ctid = any (v_tids) and w.state = 'ready' for update skip locked
  )
  update work w set
    state = 'claimed', claim_token = p_token, lease_until = clock_timestamp() + p_lease, burst_id = c.burst_id,
    execution = case
      when c.burst_id is null then execution_id(v_installation, w.id, w.epoch, w.first_epoch)
      else v_installation || '/burst/' || w.workflow || '/' || c.burst_id end
  from unnest(v_tids, v_bursts) c (tid, burst_id) join locked l on l.tid = c.tid
  where w.ctid = c.tid
  returning w.id, w.epoch, w.workflow, w.group_name, w.log_id, w.burst_id, w.execution;

  if v_rated then
    update work_group g set rate_left = rate_left(g, v_now) - t.units, rate_counted_at = v_now
    from (
      select r.name, (
        select count(*) from work w where w.group_name = r.name and w.state = 'claimed' and w.claim_token = p_token and w.burst_id is null
      ) as units
      from work_group r where r.rate_units is not null
    ) t
    where g.name = t.name and t.units > 0;
  end if;
end
$$;

-- Temporal has these executions. A unit that has begun meanwhile is past this; one whose claim ran out belongs to another. Whoever
-- holds a row is doing one of the two: waiting for it, with other rows of a burst in hand, would be a deadlock with begin_burst.
create function mark_work_started(p_token uuid, p_executions text[]) returns bigint language sql set search_path from current as $$
  with held as (
    select id from work where claim_token = p_token and state = 'claimed' and execution = any (p_executions) for update skip locked
  ), marked as (
    update work w set state = 'started', lease_until = null, checks = 0, check_after = clock_timestamp() + interval '1 minute'
    from held h where w.id = h.id
    returning 1
  )
  select count(*) from marked
$$;

-- The start failed or its outcome is unknown: the same id is tried again later.
create function release_claim(p_token uuid, p_executions text[]) returns bigint language sql set search_path from current as $$
  with released as (
    update work set state = 'ready', claim_token = null, lease_until = null
    where claim_token = p_token and state = 'claimed' and execution = any (p_executions)
    returning 1
  )
  select count(*) from released
$$;

-- The execution of these units is over, or Temporal does not know it, while they are not finished: each gets a new epoch.
-- With p_token: what that claim still holds; a unit alone stays claimed, to be started at once. Without: what is started.
-- Units of a burst become ready, to run alone.
create function renew_work(p_execution text, p_token uuid default null, p_lease interval default interval '0')
returns table (id text, epoch bigint, workflow text, log_id text, execution text, state text) language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  v_installation text := (select i.id from installation i);
begin
  return query
  with gone as materialized (
    select w.id, nextval('work_epoch') as epoch,
      case when p_token is not null and w.burst_id is null then 'claimed' else 'ready' end as state
    from work w
    where w.execution = p_execution
      and case when p_token is null then w.state = 'started' else w.state = 'claimed' and w.claim_token = p_token end
    for update
  )
  update work w set
    state = g.state, epoch = g.epoch, execution = execution_id(v_installation, w.id, g.epoch, w.first_epoch), burst_id = null, alone = true,
    fence = null, check_after = null, checks = 0,
    claim_token = case when g.state = 'claimed' then p_token end,
    lease_until = case when g.state = 'claimed' then clock_timestamp() + p_lease end
  from gone g where w.id = g.id
  returning w.id, w.epoch, w.workflow, w.log_id, w.execution, w.state;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- Running. Each beginning sets a new fence; only its holder can go on.
-- ---------------------------------------------------------------------------------------------------------------

-- Places of a group that are taken, until the end of this transaction: claims give out places under the same lock. A unit that runs alone or in a batch has one;
-- a burst that has not begun or goes on has as many as it may run side by side. p_beside: a burst that is not counted.
create function work_places_taken(p_group text, p_burst_width integer, p_beside text default null) returns bigint
language plpgsql set search_path from current as $$
declare
  v_batched boolean := exists (select 1 from work_group g where g.name = p_group and g.batch_max is not null);
begin
  perform 1 from installation for update;
  return (
    select coalesce(sum(case when r.burst_id is null or v_batched then r.units when r.whole then p_burst_width else least(r.units, p_burst_width) end), 0)
    from (
      select b.burst_id, sum(b.units) as units, bool_or(b.whole) as whole from (
        select w.burst_id, 1 as units, w.attempt = 0 as whole from work w where w.group_name = p_group and w.state in ('claimed', 'started')
        union all
        select w.burst_id, 1, true from work w where w.group_name = p_group and w.state = 'ready' and w.burst_id is not null
        union all
        select o.burst_id, 0, true from open_burst o where o.group_name = p_group and o.seen_at > clock_timestamp() - interval '1 second'
      ) b
      where p_beside is null or b.burst_id is distinct from p_beside
      group by 1
    ) r);
end
$$;

-- Whether a group is under its cap, until the end of this transaction.
create function work_group_has_room(p_group text, p_burst_width integer default 8) returns boolean language plpgsql set search_path from current as $$
declare
  v_cap integer;
begin
  select cap into v_cap from work_group where name = p_group;
  return v_cap is null or v_cap > work_places_taken(p_group, p_burst_width);
end
$$;

-- Whether its rate lets one more unit of a group begin, beside those that claims let begin: then that one is counted.
create function take_rate(p_group text) returns boolean language plpgsql set search_path from current as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update work_group g set rate_left = rate_left(g, v_now) - 1, rate_counted_at = v_now
  where g.name = p_group and g.rate_units is not null and rate_left(g, v_now) >= 1;
  return found;
end
$$;

-- Its expires_at has passed before it began, or began again. False: it has not, or the unit is past that.
create function expire_before_begin(p_id text, p_epoch bigint) returns boolean language plpgsql set search_path from current as $$
declare
  v_group text;
  v_key text;
begin
  select w.group_name, w.ordering_key into v_group, v_key from work w where w.id = p_id;
  if v_key is not null then
    perform lock_work_key(v_group, v_key);
  end if;
  update work set state = 'expired', finished_at = clock_timestamp(), burst_id = null, fence = null, claim_token = null, lease_until = null,
    check_after = null
  where id = p_id and epoch = p_epoch and state in ('ready', 'claimed', 'started') and expires_at <= clock_timestamp();
  if not found then
    return false;
  end if;
  if v_key is not null then
    perform advance_work_key(v_group, v_key);
  end if;
  return true;
end
$$;

-- Begins an attempt of a unit that runs alone. No row: it is finished, in another epoch, or in a burst; or it may not begin now, because its
-- time has passed (then it is expired), its group is paused, or its rate is used up (then it is ready again, in a new epoch).
-- A unit begun p_max_unended times without an end is dead: the returned state says so.
-- A unit begun p_suspect_after times without an end is suspected of killing its worker, as is all that ran beside it. Of those one
-- at a time is on trial, until it ends or for p_trial: whoever kills is soon alone with its count, and nobody dies with it. A row
-- without a fence: not now, another one is on trial.
-- Commits asynchronously: a count lost in a crash is not a lost fence, because the fence is random.
create function begin_work(
  p_id text, p_epoch bigint, p_fence uuid, p_max_unended integer default 5, p_suspect_after integer default 2, p_trial interval default '10 seconds'
) returns setof work language plpgsql set search_path from current as $$
declare
  v work;
  v_paused boolean;
  v_rated boolean;
begin
  select * into v from work where id = p_id and epoch = p_epoch and state in ('ready', 'claimed', 'started') and burst_id is null;
  if not found then
    return;
  end if;
  if v.unended >= p_max_unended then
    return query select * from end_unended_work(p_id, p_epoch, p_max_unended);
    return;
  end if;
  if v.expires_at <= clock_timestamp() then
    if expire_before_begin(p_id, p_epoch) then
      update sweep_counter set value = value + 1 where name = 'expired';
    end if;
    return;
  end if;
  select g.paused, g.rate_units is not null into v_paused, v_rated from work_group g where g.name = v.group_name;
  -- A claim has let it begin once, whoever begins it first.
  if v_paused or v_rated and v.claim_token is null and not take_rate(v.group_name) then
    update work w set state = 'ready', epoch = nextval('work_epoch'), fence = null, claim_token = null, lease_until = null, check_after = null
    where w.id = p_id and w.epoch = p_epoch and w.state in ('ready', 'claimed', 'started') and w.burst_id is null;
    return;
  end if;
  if v.unended >= p_suspect_after then
    perform 1 from installation for update;
    if exists (
      select 1 from work w
      where w.state = 'started' and w.unended > p_suspect_after and w.fence is not null and w.id <> p_id
        and w.begun_at > clock_timestamp() - p_trial) then
      v.fence := null;
      return next v;
      return;
    end if;
  end if;
  -- Its claim was given up though its execution had been started: its place may be taken. Then it is claimed again later.
  if v.state = 'ready' and not work_group_has_room(v.group_name) then
    return;
  end if;
  perform set_config('synchronous_commit', 'off', true);
  return query
  update work w set
    state = 'started', attempt = w.attempt + 1, unended = w.unended + 1, fence = p_fence, lease_until = null,
    begun_at = clock_timestamp(), check_after = clock_timestamp() + interval '1 minute', checks = 0,
    claim_token = case when not v_rated then w.claim_token end
  where w.id = p_id and w.epoch = p_epoch and w.state in ('ready', 'claimed', 'started') and w.burst_id is null
  returning w.*;
end
$$;

-- Dead: its worker died each time it ran.
create function end_unended_work(p_id text, p_epoch bigint, p_max_unended integer) returns setof work language plpgsql set search_path from current as $$
declare
  v work;
begin
  select * into v from work where id = p_id;
  if v.ordering_key is not null then
    perform lock_work_key(v.group_name, v.ordering_key);
  end if;
  update work w set state = 'started' where w.id = p_id and w.epoch = p_epoch and w.state in ('ready', 'claimed') and w.unended >= p_max_unended;
  return query
  update work w set state = 'dead', finished_at = clock_timestamp(), check_after = null, fence = null, burst_id = null,
    error = json_build_object('code', 'worker_died', 'message',
      format('Its worker died while running this, %s times in a row. Look for what kills the process, then redrive it.', p_max_unended))
  where w.id = p_id and w.epoch = p_epoch and w.state = 'started' and w.unended >= p_max_unended
  returning w.*;
  if found and v.ordering_key is not null then
    perform advance_work_key(v.group_name, v.ordering_key);
  end if;
end
$$;

-- Attempts of one burst take it over, and begin its own units, one after another: until the end of this transaction.
create function lock_burst(p_burst_id text) returns void language sql as $$
  select pg_advisory_xact_lock(hashtextextended('tidemark burst ' || p_burst_id, 0))
$$;

-- Begins up to p_limit more units of a burst for the attempt that holds p_fence. Its first call takes the burst over: what is
-- left is its own (claim_token), and an attempt that still runs begins nothing more. Units that an earlier one had begun and not
-- ended leave the burst to run alone: one of them may be what killed its worker. Those of a batch, begun all at once, do so after
-- the second death. What is past its expires_at is expired. Of a group that is paused, or has a rate by now, nothing begins: all that
-- has not leaves the burst.
create function begin_burst(p_burst_id text, p_fence uuid, p_limit integer, p_takes_over boolean)
returns setof work language plpgsql set search_path from current as $$
declare
  v_held boolean;
  v_late boolean;
  v_expired integer := 0;
  v record;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lock_burst(p_burst_id);
  if p_takes_over then
    -- An attempt that still runs begins nothing beyond.
    update open_burst set fence = p_fence, seen_at = clock_timestamp(), room_under = null where burst_id = p_burst_id;
    if not found then
      insert into open_burst (burst_id, group_name, workflow, execution, fence)
      select p_burst_id, w.group_name, w.workflow, w.execution, p_fence
      from work w join work_group g on g.name = w.group_name and g.batch_max is null
      where w.burst_id = p_burst_id and w.state in ('ready', 'claimed', 'started') limit 1;
    end if;
    -- What an attempt that still runs is about to begin is begun or not when this goes on: neither begins it twice.
    perform 1 from work w where w.burst_id = p_burst_id order by w.priority, w.not_before, w.id for update;
    update work w set state = 'ready', epoch = nextval('work_epoch'), burst_id = null, alone = true, fence = null, claim_token = null,
      lease_until = null, check_after = null
    where w.burst_id = p_burst_id and w.state = 'started' and w.fence is not null
      and (w.unended >= 2 or not exists (select 1 from work_group g where g.name = w.group_name and g.batch_max is not null));
    update work w set state = 'started', claim_token = p_fence, fence = null, lease_until = null, checks = 0,
      check_after = clock_timestamp() + interval '1 minute'
    where w.burst_id = p_burst_id and w.state in ('ready', 'claimed', 'started');
  end if;
  select bool_or(g.paused or g.rate_units is not null), bool_or(w.expires_at <= clock_timestamp()) into v_held, v_late
  from work w join work_group g on g.name = w.group_name
  where w.burst_id = p_burst_id and w.state = 'started' and w.fence is null and w.claim_token = p_fence;
  if v_held then
    update work w set state = 'ready', epoch = nextval('work_epoch'), burst_id = null, claim_token = null, check_after = null
    where w.burst_id = p_burst_id and w.state = 'started' and w.fence is null and w.claim_token = p_fence;
    return;
  end if;
  if v_late then
    for v in
      select w.id, w.epoch from work w
      where w.burst_id = p_burst_id and w.state = 'started' and w.fence is null and w.claim_token = p_fence and w.expires_at <= clock_timestamp()
      order by w.ordering_key, w.id
    loop
      v_expired := v_expired + expire_before_begin(v.id, v.epoch)::integer;
    end loop;
  end if;
  return query
  with begun as (
    update work w set
      attempt = w.attempt + 1, unended = w.unended + 1, fence = p_fence, begun_at = clock_timestamp()
    where w.id in (
      select n.id from work n where n.burst_id = p_burst_id and n.state = 'started' and n.fence is null and n.claim_token = p_fence
      order by n.priority, n.not_before, n.id limit p_limit)
      and w.state = 'started' and w.fence is null and w.claim_token = p_fence
    returning w.*
  )
  select * from begun b order by b.priority, b.not_before, b.id;
  -- Last: whoever counts something waits for it.
  if v_expired > 0 then
    update sweep_counter set value = value + v_expired where name = 'expired';
  end if;
end
$$;

-- Begins up to p_limit ready units beyond those that were claimed for a burst, for the attempt that holds p_fence: of the same group and workflow, as a
-- claim would take them for a burst. No units: another attempt has taken over, its group begins nothing in bursts any more, none is ready, or the group
-- has no room for p_width at once beside all that runs elsewhere. One that has had its time goes on only while that keeps nobody waiting: no other group
-- that has no burst and something ready, nothing that is its group's next and not for this burst, and no process that takes its group for itself.
create function begin_beyond_burst(p_burst_id text, p_fence uuid, p_limit integer, p_width integer, p_had_its_time boolean)
returns setof work language plpgsql set search_path from current set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  v_now timestamptz := clock_timestamp();
  v open_burst;
  v_unseen boolean;
  v_cap integer;
  v_priority smallint;
  v_since timestamptz;
  v_first text;
  v_alone boolean;
  v_workflow text;
  v_tids tid[] := '{}';
begin
  perform set_config('synchronous_commit', 'off', true);
  select * into v from open_burst b where b.burst_id = p_burst_id and b.fence = p_fence;
  v_unseen := v.seen_at < v_now - interval '250 milliseconds';
  if v_unseen then
    -- Its places may have been given away: it looks for room again, also where this call finds nothing to begin.
    update open_burst set seen_at = v_now, room_under = null where burst_id = p_burst_id and fence = p_fence;
  end if;
  -- What is looked at later begins here, past the index entries of all that was begun before.
  select w.priority, w.not_before, w.id, w.alone, w.workflow into v_priority, v_since, v_first, v_alone, v_workflow from work w
  where w.state = 'ready' and w.group_name = v.group_name order by w.priority, w.not_before, w.id limit 1;
  if not found then
    return;
  end if;
  -- Not taken over, and it will not be until what this begins is its own.
  perform 1 from open_burst b where b.burst_id = p_burst_id and b.fence = p_fence for update;
  if not found then
    return;
  end if;
  select g.cap into v_cap from work_group g where g.name = v.group_name and not g.paused and g.rate_units is null and g.batch_max is null;
  if not found then
    perform close_burst(p_burst_id, p_fence);
    return;
  end if;
  if p_had_its_time and (v_since <= v_now and (v_alone or v_workflow <> v.workflow) or v.group_name = any (groups_of_parts()) or exists (
      select 1 from work_group g
      where g.name <> v.group_name and not g.paused
        and (select w.not_before <= v_now from work w where w.state = 'ready' and w.group_name = g.name order by w.priority, w.not_before limit 1)
        and not exists (select 1 from open_burst o where o.group_name = g.name and o.seen_at > v_now - interval '1 second'))) then
    perform close_burst(p_burst_id, p_fence);
    return;
  end if;
  -- Once it has found room, claims keep its places for it, and a later attempt looks anew.
  if v_cap is not null and (v_unseen or v.room_under is distinct from v_cap) then
    if v_cap < p_width + work_places_taken(v.group_name, p_width, p_burst_id) then
      perform close_burst(p_burst_id, p_fence);
      return;
    end if;
    update open_burst set room_under = v_cap where burst_id = p_burst_id and fence = p_fence;
  end if;
  -- Level by level, so that what is delayed in one is not walked over.
  loop
    if v_since <= v_now then
      v_tids := v_tids || array(
        select w.ctid from work w
        where w.state = 'ready' and w.group_name = v.group_name and w.priority = v_priority
          and (w.not_before, w.id) >= (v_since, v_first) and w.not_before <= v_now
          and w.burst_id is null and not w.alone and w.workflow = v.workflow and coalesce(w.expires_at > v_now, true)
        order by w.not_before, w.id limit p_limit - cardinality(v_tids) for update skip locked);
      exit when cardinality(v_tids) >= p_limit;
    end if;
    select w.priority, w.not_before, w.id into v_priority, v_since, v_first from work w
    where w.state = 'ready' and w.group_name = v.group_name and w.priority > v_priority
    order by w.priority, w.not_before, w.id limit 1;
    exit when not found;
  end loop;
  -- What was seen too long ago to be sure of its places begins nothing, and looks again.
  if v_cap is not null and not v_unseen and v.seen_at < clock_timestamp() - interval '500 milliseconds' then
    return;
  end if;
  return query
  with begun as (
    update work w set
      state = 'started', burst_id = p_burst_id, execution = v.execution, claim_token = p_fence, lease_until = null, checks = 0,
      check_after = v_now + interval '1 minute', attempt = w.attempt + 1, unended = w.unended + 1, fence = p_fence, begun_at = v_now
    where w.ctid = any (v_tids)
    returning w.*
  )
  select * from begun b order by b.priority, b.not_before, b.id;
end
$$;

-- The attempt that holds p_fence goes on with nothing more: its group's places are free once its units have ended.
create function close_burst(p_burst_id text, p_fence uuid) returns void language sql set search_path from current as $$
  delete from open_burst where burst_id = p_burst_id and fence = p_fence
$$;

-- Whether what p_workflow has done makes an earlier, dead unit of p_earlier needless. Of two erasures each has values of its own to erase.
create function workflow_stands_for(p_workflow text, p_earlier text) returns boolean language sql immutable as $$
  select p_earlier = p_workflow and p_workflow <> 'erase' or p_earlier = 'snapshot' and p_workflow in ('compact', 'erase')
$$;

-- Locks the entry of a unit that is about to end, before its key, and the earlier ones that its snapshot will stand for.
-- False where the entry is gone.
create function lock_entry_to_end(p_log_id text, p_sequence_id bigint, p_group text, p_workflow text, p_snapshot text)
returns boolean language plpgsql set search_path from current as $$
declare
  v_last bigint;
begin
  if p_snapshot is null and p_workflow <> 'erase' then
    select sequence_id into v_last from entries where log_id = p_log_id and sequence_id = p_sequence_id for update;
    return found;
  end if;
  for v_last in
    select e.sequence_id from entries e
    where e.log_id = p_log_id and (e.sequence_id = p_sequence_id or e.sequence_id in (
      select w.sequence_id from work w
      where w.state = 'dead' and w.group_name = p_group and w.log_id = p_log_id and workflow_stands_for(p_workflow, w.workflow)
        and w.sequence_id < p_sequence_id))
    order by e.sequence_id for update
  loop
  end loop;
  return v_last is not distinct from p_sequence_id;
end
$$;

-- The one way to end a unit of work with effect: entry, key, unit, all or nothing.
-- 'finished', or 'fenced': another attempt is the last one, and nothing was changed.
-- Runs once a unit: what is rarely so (a key without its row, dead units before this one, units behind it) is looked for by one
-- index probe each, and only then handed to the function for it.
create function finish_work(
  p_id text, p_epoch bigint, p_attempt integer, p_fence uuid, p_result json default null,
  p_snapshot text default null, p_history text default null
) returns text language plpgsql set search_path from current as $$
declare
  v_workflow text;
  v_group text;
  v_key text;
  v_log_id text;
  v_sequence_id bigint;
  v_entry boolean := false;
  v_supersedes boolean := false;
begin
  select w.workflow, w.group_name, w.ordering_key, w.log_id, w.sequence_id
  into v_workflow, v_group, v_key, v_log_id, v_sequence_id from work w where w.id = p_id;
  if v_log_id is not null then
    -- An erasure has set the snapshot of its entry before.
    if p_snapshot is not null or v_workflow = 'erase' then
      v_supersedes := exists (
        select 1 from work w where w.state = 'dead' and w.group_name = v_group and w.log_id = v_log_id
          and workflow_stands_for(v_workflow, w.workflow) and w.sequence_id < v_sequence_id);
    end if;
    if v_supersedes then
      v_entry := lock_entry_to_end(v_log_id, v_sequence_id, v_group, v_workflow, p_snapshot);
    else
      perform 1 from entries where log_id = v_log_id and sequence_id = v_sequence_id for update;
      v_entry := found;
    end if;
  end if;
  if v_key is not null then
    perform 1 from work_key where group_name = v_group and ordering_key = v_key for update;
    if not found then
      perform lock_work_key(v_group, v_key);
    end if;
  end if;
  update work set
    state = case when log_id is not null and not v_entry then 'cancelled' else 'done' end,
    result = p_result, error = null, unended = 0, finished_at = clock_timestamp(), check_after = null, burst_id = null
  where id = p_id and epoch = p_epoch and attempt = p_attempt and fence = p_fence and state = 'started';
  if not found then
    return 'fenced';
  end if;
  if v_entry then
    update entries set snapshot = coalesce(p_snapshot, snapshot), history = coalesce(p_history, history), pending = null
    where log_id = v_log_id and sequence_id = v_sequence_id and pending = v_workflow;
    if found and v_supersedes then
      perform supersede_dead_work(v_log_id, v_group, v_workflow, v_sequence_id);
    end if;
  end if;
  if v_key is not null then
    perform 1 from work where group_name = v_group and ordering_key = v_key and state = 'waiting' limit 1;
    if found then
      perform advance_work_key(v_group, v_key);
    end if;
  end if;
  return 'finished';
end
$$;

-- A later snapshot stands for an earlier one that died, a later compaction for both: its entry is no longer pending and its unit is closed.
-- The entries (see lock_entry_to_end) and the log's key are locked by the caller.
create function supersede_dead_work(p_log_id text, p_group text, p_workflow text, p_sequence_id bigint)
returns void language plpgsql set search_path from current as $$
declare
  v record;
begin
  for v in
    select w.id, w.sequence_id, w.workflow from work w
    where w.state = 'dead' and w.group_name = p_group and w.log_id = p_log_id and workflow_stands_for(p_workflow, w.workflow)
      and w.sequence_id < p_sequence_id
    order by w.sequence_id
  loop
    update entries set pending = null where log_id = p_log_id and sequence_id = v.sequence_id and pending = v.workflow;
    update work set state = 'done', finished_at = clock_timestamp(), result = json_build_object('supersededBy', p_sequence_id::text)
    where id = v.id and state = 'dead';
    update sweep_counter set value = value + 1 where name = 'superseded';
  end loop;
end
$$;

-- An error that can be read. What no text holds, a NUL character or half a character, makes all of it unreadable: then it is kept as it is written, with
-- its escapes. Whatever an error says, it keeps no unit from ending.
create function readable_error(p_error json) returns json immutable language plpgsql as $$
begin
  perform p_error ->> 'message';
  return p_error;
exception when others then
  return json_build_object('code', 'unreadable_error', 'message', 'What it says holds characters that no text can: ' || left(p_error::text, 2000));
end
$$;

-- An attempt ended in an error. Not dead: it is tried again by its execution, and only the error is kept. p_own: an error of the
-- handler's own, which is counted.
create function fail_work(p_id text, p_epoch bigint, p_attempt integer, p_fence uuid, p_error json, p_dead boolean, p_own boolean default false)
returns text language plpgsql set search_path from current as $$
declare
  v work;
begin
  select * into v from work where id = p_id;
  if p_dead and v.ordering_key is not null then
    perform lock_work_key(v.group_name, v.ordering_key);
  end if;
  update work set
    state = case when p_dead then 'dead' else 'started' end, error = readable_error(p_error), unended = 0, fence = null,
    failures = failures + case when p_own then 1 else 0 end,
    finished_at = case when p_dead then clock_timestamp() end,
    check_after = case when not p_dead then clock_timestamp() + interval '1 minute' end,
    burst_id = case when not p_dead then burst_id end
  where id = p_id and epoch = p_epoch and attempt = p_attempt and fence = p_fence and state = 'started';
  if not found then
    return 'fenced';
  end if;
  if p_dead and v.ordering_key is not null then
    perform advance_work_key(v.group_name, v.ordering_key);
  end if;
  return 'failed';
end
$$;

-- An attempt that another one has taken over has ended after all: it changes nothing, but its worker did not die of it.
create function end_fenced_attempt(p_id text, p_epoch bigint) returns void language sql set search_path from current as $$
  update work set unended = unended - 1 where id = p_id and epoch = p_epoch and state = 'started' and unended > 1
$$;

-- Temporal refuses to start it, for good.
create function refuse_claimed_work(p_execution text, p_token uuid, p_error json) returns bigint language plpgsql set search_path from current as $$
declare
  v record;
  v_count bigint := 0;
begin
  for v in select id, group_name, ordering_key from work where execution = p_execution and claim_token = p_token and state = 'claimed' loop
    if v.ordering_key is not null then
      perform lock_work_key(v.group_name, v.ordering_key);
    end if;
    update work set state = 'dead', error = readable_error(p_error), finished_at = clock_timestamp(), lease_until = null, burst_id = null
    where id = v.id and claim_token = p_token and state = 'claimed';
    if found then
      v_count := v_count + 1;
      if v.ordering_key is not null then
        perform advance_work_key(v.group_name, v.ordering_key);
      end if;
    end if;
  end loop;
  return v_count;
end
$$;

-- Leaves its burst, or the worker that cannot run it, to run alone in a new epoch, keeping its progress. With an error: that was the
-- handler's own. With a delay: not before that.
create function release_work(
  p_id text, p_epoch bigint, p_attempt integer, p_fence uuid, p_error json default null, p_delay interval default interval '0'
)
returns text language plpgsql set search_path from current as $$
begin
  update work set state = 'ready', epoch = nextval('work_epoch'), burst_id = null, alone = true, fence = null, unended = 0,
    claim_token = null, lease_until = null, check_after = null, error = coalesce(readable_error(p_error), error),
    not_before = greatest(not_before, clock_timestamp() + p_delay),
    failures = failures + case when p_error is null then 0 else 1 end
  where id = p_id and epoch = p_epoch and attempt = p_attempt and fence = p_fence and state = 'started';
  return case when found then 'released' else 'fenced' end;
end
$$;

create function record_progress(p_id text, p_epoch bigint, p_attempt integer, p_fence uuid, p_progress json)
returns text language plpgsql set search_path from current as $$
begin
  -- Saying the same again is not getting further: what kills its worker there each time is still found out.
  update work set progress = p_progress, unended = case when progress::text is distinct from p_progress::text then 1 else unended end,
    check_after = clock_timestamp() + interval '1 minute', checks = 0
  where id = p_id and epoch = p_epoch and attempt = p_attempt and fence = p_fence and state = 'started';
  return case when found then 'recorded' else 'fenced' end;
end
$$;

-- For hosts that have no unit in hand: where pending is still that workflow, set the result and close the unit, whoever runs it.
create function complete_workflow(p_log_id text, p_sequence_id bigint, p_workflow text, p_snapshot text, p_history text)
returns text language plpgsql set search_path from current as $$
declare
  v_pending text;
  v_group text;
begin
  select type into v_group from logs where id = p_log_id;
  if not found then
    return 'log_not_found';
  end if;
  if not lock_entry_to_end(p_log_id, p_sequence_id, v_group, p_workflow, p_snapshot) then
    return case when p_sequence_id >= (select next_sequence_id from logs where id = p_log_id) or p_sequence_id < 0
      then 'out_of_range' else 'truncated' end;
  end if;
  select pending into v_pending from entries where log_id = p_log_id and sequence_id = p_sequence_id;
  if v_pending is distinct from p_workflow then
    return 'already-done';
  end if;
  perform lock_work_key(v_group, p_log_id);
  update entries set snapshot = coalesce(p_snapshot, snapshot), history = coalesce(p_history, history), pending = null
  where log_id = p_log_id and sequence_id = p_sequence_id;
  update work set state = 'done', finished_at = clock_timestamp(), fence = null, burst_id = null, check_after = null, lease_until = null
  where id = p_workflow || '/' || p_log_id || '/' || p_sequence_id and state in ('waiting', 'ready', 'claimed', 'started', 'dead');
  if p_snapshot is not null then
    perform supersede_dead_work(p_log_id, v_group, p_workflow, p_sequence_id);
  end if;
  perform advance_work_key(v_group, p_log_id);
  return 'completed';
end
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- By a person, and by the sweep
-- ---------------------------------------------------------------------------------------------------------------

-- Dead -> ready (or waiting, behind its key), in a new epoch, however old it is: a person wants it done.
create function redrive_work(p_id text) returns boolean language plpgsql set search_path from current as $$
declare
  v work;
  v_state text := 'ready';
  v_position bigint;
begin
  select * into v from work where id = p_id and state = 'dead';
  if not found then
    return false;
  end if;
  v_position := v.position;
  if v.ordering_key is not null then
    perform lock_work_key(v.group_name, v.ordering_key);
    -- Its place in the order is kept; behind whatever holds the key now.
    if exists (select 1 from work w where w.group_name = v.group_name and w.ordering_key = v.ordering_key
        and w.state in ('ready', 'claimed', 'started')) then
      v_state := 'waiting';
    end if;
  end if;
  update work set state = v_state, epoch = nextval('work_epoch'), not_before = clock_timestamp(), expires_at = null, attempt = 0, unended = 0, failures = 0,
    fence = null, claim_token = null, burst_id = null, alone = true, finished_at = null
  where id = p_id and state = 'dead';
  return found;
end
$$;

-- Dead -> cancelled; its entry is no longer pending, a person has decided.
create function discard_work(p_id text) returns boolean language plpgsql set search_path from current as $$
declare
  v work;
begin
  select * into v from work where id = p_id and state = 'dead';
  if not found then
    return false;
  end if;
  if v.log_id is not null then
    perform 1 from entries where log_id = v.log_id and sequence_id = v.sequence_id for update;
  end if;
  if v.ordering_key is not null then
    perform lock_work_key(v.group_name, v.ordering_key);
  end if;
  update work set state = 'cancelled', finished_at = clock_timestamp() where id = p_id and state = 'dead';
  if not found then
    return false;
  end if;
  if v.log_id is not null then
    update entries set pending = null where log_id = v.log_id and sequence_id = v.sequence_id and pending = v.workflow;
  end if;
  if v.ordering_key is not null then
    perform advance_work_key(v.group_name, v.ordering_key);
  end if;
  return true;
end
$$;

-- Units whose expires_at has passed before they were claimed. At most p_limit.
create function expire_work(p_limit integer) returns bigint language plpgsql set search_path from current as $$
declare
  v record;
  v_count bigint := 0;
begin
  for v in
    select id, group_name, ordering_key from work
    where expires_at is not null and expires_at < statement_timestamp() and state in ('waiting', 'ready')
    order by group_name, ordering_key, position limit p_limit
  loop
    if v.ordering_key is not null then
      perform lock_work_key(v.group_name, v.ordering_key);
    end if;
    update work set state = 'expired', finished_at = clock_timestamp(), burst_id = null
    where id = v.id and state in ('waiting', 'ready') and expires_at < clock_timestamp();
    if found then
      v_count := v_count + 1;
      if v.ordering_key is not null then
        perform advance_work_key(v.group_name, v.ordering_key);
      end if;
    end if;
  end loop;
  return v_count;
end
$$;

-- Pending entries that have no unit, or whose unit ended more than p_age ago without clearing them (never dead ones).
create function restore_pending_work(p_age interval, p_limit integer) returns bigint language plpgsql set search_path from current as $$
declare
  v record;
  v_count bigint := 0;
begin
  for v in
    select e.log_id, e.sequence_id, e.pending, l.type
    from entries e
    join logs l on l.id = e.log_id
    left join work w on w.id = e.pending || '/' || e.log_id || '/' || e.sequence_id
    where e.pending is not null
      and (w.id is null and e.committed_at < clock_timestamp() - p_age
        or w.state in ('done', 'cancelled', 'expired') and w.finished_at < clock_timestamp() - p_age)
      and e.pending in (select name from workflow_name)
    order by e.log_id, e.sequence_id
    limit p_limit
  loop
    -- Lock order entry -> key -> work; whoever completed it meanwhile has cleared it.
    perform 1 from entries where log_id = v.log_id and sequence_id = v.sequence_id and pending = v.pending for update;
    if found and add_work(v.pending || '/' || v.log_id || '/' || v.sequence_id, v.pending, v.type, v.log_id, v.log_id, v.sequence_id) = 'added' then
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end
$$;

-- Finished units beyond the newest keep_finished of their group; dead ones stay until discarded. At most p_limit. Somebody may wait for a job: of those
-- (keep_dead is set) none goes within a minute of its end. How many ended when is kept for a day (work_tally).
create function prune_work(p_limit integer) returns bigint language plpgsql set search_path from current as $$
declare
  v_count bigint;
begin
  with old as (
    select o.tid from (
      select g.name, g.keep_finished, case when g.keep_dead is null then 'infinity' else clock_timestamp() - interval '1 minute' end as ended_before
      from work_group g
    ) g
    cross join lateral (
      select count(*) as units from (
        select 1 from work w where w.group_name = g.name and w.state in ('done', 'cancelled', 'expired') and w.finished_at >= g.ended_before
        limit g.keep_finished) y
    ) young
    cross join lateral (
      select w.ctid as tid from work w
      where w.group_name = g.name and w.state in ('done', 'cancelled', 'expired') and w.finished_at < g.ended_before
      order by w.finished_at desc offset g.keep_finished - young.units limit p_limit
    ) o limit p_limit
  ), locked as (
    select w.ctid as tid from work w
    where w.ctid = any (array(select o.tid from old o)) and w.state in ('done', 'cancelled', 'expired') for update skip locked
  ), pruned as (
    delete from work w where w.ctid = any (array(select l.tid from locked l)) returning w.group_name, w.state, w.created_at, w.finished_at
  ), tallied as (
    -- In one order, so that no two wait for each other.
    insert into work_tally as t (minute, group_name, state, bucket, units)
    select date_trunc('minute', p.finished_at), p.group_name, p.state, duration_bucket(p.created_at, p.finished_at), count(*)
    from pruned p where p.state = 'done' and p.finished_at > clock_timestamp() - interval '1 day'
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
    on conflict (minute, group_name, state, bucket, part) do update set units = t.units + excluded.units
  )
  select count(*) into v_count from pruned;
  delete from work_tally where minute < clock_timestamp() - interval '1 day';
  return v_count;
end
$$;

-- Keys without units. At most p_limit. Not one that somebody has published to since this began to look: its position has moved.
create function prune_work_keys(p_limit integer) returns bigint language sql set search_path from current as $$
  with unused as materialized (
    select k.group_name, k.ordering_key, k.next_position from work_key k
    where not exists (select 1 from work w where w.group_name = k.group_name and w.ordering_key = k.ordering_key
      and w.state in ('waiting', 'ready', 'claimed', 'started', 'dead'))
    limit p_limit
  ), locked as (
    select k.group_name, k.ordering_key from unused u
    join work_key k on k.group_name = u.group_name and k.ordering_key = u.ordering_key and k.next_position = u.next_position
    for update of k skip locked
  ), pruned as (
    delete from work_key k using locked l where k.group_name = l.group_name and k.ordering_key = l.ordering_key returning 1
  )
  select count(*) from pruned
$$;
