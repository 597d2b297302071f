-- Batches: units of one group that are handed to its worker together. Parts: groups that a worker process has to itself.

alter table work_group
  add column batch_max integer check (batch_max between 1 and 1000),
  add column batch_wait interval check (batch_wait >= interval '0');
comment on column work_group.batch_max is 'Its units run together, at most so many in one execution; null: each by itself.';
comment on column work_group.batch_wait is 'How long the oldest waits for a batch to fill.';

-- In a group with batches these run by themselves: one that left its batch never joins another.
create index work_alone on work (group_name, priority, not_before, id) where state = 'ready' and alone;

-- Claims for groups with batches; claim_work calls it, with its lock. A batch is a burst of one group: full, or its oldest unit has waited long enough.
-- Against the cap of its group each of its units counts. p_alone: units that left their batch, of all these groups.
create function claim_batches(
  p_installation text, p_token uuid, p_lease interval, p_groups text[], p_alone integer, p_max_batches integer, p_max_open integer
) returns table (id text, epoch bigint, workflow text, group_name text, log_id text, burst_id text, execution text)
language plpgsql set search_path from current set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_alone integer := p_alone;
  v_open integer;
  v_batches integer;
  v_room integer;
  v_most integer;
  v_tids tid[];
  v_oldest timestamptz;
  v_burst_id text;
  g record;
begin
  select count(distinct w.burst_id) into v_open from work w
  where w.group_name = any (p_groups) and w.state in ('claimed', 'started') and w.burst_id is not null;
  for g in
    select c.name, c.cap, c.batch_max, coalesce(c.batch_wait, interval '0') as batch_wait, r.units, r.batches
    from work_group c
    cross join lateral (
      select count(*)::integer as units, count(distinct w.burst_id)::integer as batches
      from work w where w.group_name = c.name and (w.state in ('claimed', 'started') or w.state = 'ready' and w.burst_id is not null)
    ) r
    where c.name = any (p_groups) and not c.paused and (c.cap is null or r.units < c.cap)
    order by random()
  loop
    v_room := coalesce(g.cap, 1000000) - g.units;
    v_batches := g.batches;
    select array_agg(u.tid) into v_tids from (
      select w.ctid as tid from work w
      where w.state = 'ready' and w.alone and w.group_name = g.name and w.burst_id is null and w.not_before <= v_now
      order by w.priority, w.not_before, w.id limit least(v_room, v_alone)
    ) u;
    if v_tids is not null then
      v_room := v_room - cardinality(v_tids);
      v_alone := v_alone - cardinality(v_tids);
      return query
      with locked as (
        select w.ctid as tid from work w where w.ctid = any (v_tids) and w.state = 'ready' for update skip locked
      )
      update work w set
        state = 'claimed', claim_token = p_token, lease_until = clock_timestamp() + p_lease, burst_id = null,
        execution = execution_id(p_installation, w.id, w.epoch, w.first_epoch)
      from locked l where w.ctid = l.tid
      returning w.id, w.epoch, w.workflow, w.group_name, w.log_id, w.burst_id, w.execution;
    end if;
    while v_batches < p_max_batches and v_open < p_max_open and v_room > 0 loop
      v_most := least(g.batch_max, v_room);
      select array_agg(u.tid), min(u.not_before) into v_tids, v_oldest from (
        select w.ctid as tid, w.not_before from work w
        where w.state = 'ready' and w.group_name = g.name and not w.alone and w.burst_id is null and w.not_before <= v_now
        order by w.priority, w.not_before, w.id limit v_most
      ) u;
      exit when v_tids is null or cardinality(v_tids) < v_most and v_oldest > v_now - g.batch_wait;
      v_burst_id := substr(replace(gen_random_uuid()::text, '-', ''), 1, 12);
      v_batches := v_batches + 1;
      v_open := v_open + 1;
      v_room := v_room - cardinality(v_tids);
      return query
      with locked as (
        select w.ctid as tid from work w where w.ctid = any (v_tids) and w.state = 'ready' for update skip locked
      )
      update work w set
        state = 'claimed', claim_token = p_token, lease_until = clock_timestamp() + p_lease, burst_id = v_burst_id,
        execution = p_installation || '/burst/' || w.workflow || '/' || v_burst_id
      from locked l where w.ctid = l.tid
      returning w.id, w.epoch, w.workflow, w.group_name, w.log_id, w.burst_id, w.execution;
    end loop;
  end loop;
end
$$;

-- Ends them with effect, as finish_work does one; none of them is of an entry. Those with a key are p_keyed and come first: locks are taken key before unit.
-- Returns those that were not ended: another attempt has begun them.
create function finish_batch(p_keyed text[], p_plain text[], p_fence uuid) returns setof text
language plpgsql set search_path from current set enable_seqscan = off as $$
declare
  v record;
  v_ended text[] := '{}';
begin
  if cardinality(p_keyed) > 0 then
    for v in select w.id, w.epoch, w.attempt from work w where w.id = any (p_keyed) and w.fence = p_fence order by w.ordering_key loop
      if finish_work(v.id, v.epoch, v.attempt, p_fence) = 'finished' then
        v_ended := v_ended || v.id;
      end if;
    end loop;
  end if;
  with ended as (
    update work set state = 'done', error = null, unended = 0, finished_at = clock_timestamp(), check_after = null, burst_id = null
    where id = any (p_plain) and fence = p_fence and state = 'started' and ordering_key is null
    returning id
  )
  select v_ended || coalesce(array_agg(e.id), '{}') into v_ended from ended e;
  if cardinality(v_ended) < cardinality(p_keyed) + cardinality(p_plain) then
    return query select unnest(p_keyed || p_plain) except select unnest(v_ended);
  end if;
end
$$;

-- They leave their batch to run alone, in a new epoch. The error is kept, and is none of theirs: it is not counted. How many did.
create function release_batch(p_ids text[], p_fence uuid, p_error json, p_delay interval) returns bigint
language sql set search_path from current set enable_seqscan = off as $$
  with released as (
    update work set state = 'ready', epoch = nextval('work_epoch'), burst_id = null, alone = true, fence = null, unended = 0,
      claim_token = null, lease_until = null, check_after = null, error = coalesce(readable_error(p_error), error),
      not_before = greatest(not_before, clock_timestamp() + p_delay)
    where id = any (p_ids) and fence = p_fence and state = 'started'
    returning 1
  )
  select count(*) from released
$$;

create table work_part (
  part text not null check (part ~ '^[a-z0-9]{1,32}$'),
  group_name text not null,
  seen_at timestamptz not null default clock_timestamp(),
  given_up boolean not null default false,
  primary key (part, group_name)
);
comment on table work_part is 'Groups that a worker process has to itself, and when it said so last. Nobody else claims them while that is less than part_lease() ago.';

create function part_lease() returns interval language sql immutable as $$ select interval '1 minute' $$;

-- Groups that live processes have to themselves.
create function groups_of_parts() returns text[] language sql stable set search_path from current as $$
  select coalesce(array_agg(distinct p.group_name), '{}') from work_part p where p.seen_at > clock_timestamp() - part_lease()
$$;

-- This process is alive and runs these.
create function hold_part(p_part text, p_groups text[]) returns void language sql set search_path from current as $$
  insert into work_part as p (part, group_name) select p_part, g.name from unnest(p_groups) g (name) order by 2
  on conflict (part, group_name) do update set seen_at = clock_timestamp(), given_up = false
$$;

-- Of parts that are not seen any more: what has been started for them is looked at now, once, however long it has run.
create function give_up_parts() returns void language sql set search_path from current as $$
  with gone as (
    update work_part p set given_up = true where not p.given_up and p.seen_at <= clock_timestamp() - part_lease() returning p.group_name
  )
  update work w set check_after = '-infinity' from gone g where w.group_name = g.group_name and w.state = 'started'
$$;

create table worker_process (
  id uuid primary key,
  subscriptions text[] not null,
  seen_at timestamptz not null
);
comment on table worker_process is 'What each worker process takes, and when it said so last: for people. One that was seen less than part_lease() ago runs.';

-- It is alive and takes these. Those that have not been seen for a day are forgotten.
create function say_worker_process(p_id uuid, p_subscriptions text[]) returns void language sql set search_path from current as $$
  delete from worker_process where seen_at < clock_timestamp() - interval '1 day';
  insert into worker_process as w (id, subscriptions, seen_at) values (p_id, p_subscriptions, clock_timestamp())
  on conflict (id) do update set seen_at = excluded.seen_at
$$;

call settle_privileges();
