-- Compaction: entries before a snapshot move from the log to history blobs.

alter table logs
  add column compact_every integer check (compact_every > 0),
  add column compact_mark bigint not null default 0,
  -- Decided where a snapshot is due, so that a plain append looks at nothing more.
  add constraint logs_compact_needs_snapshot check (compact_every is null or snapshot_every is not null);
comment on column logs.compact_every is 'Entries held at which a snapshot by policy becomes a compaction.';
comment on column logs.compact_mark is 'Newest entry that was asked for a compaction, or had one. The policy counts from here, or from the first entry held.';
comment on column entries.history is 'Blob from which all entries strictly before this one can be read, archived.';

create index entries_history on entries (log_id, sequence_id) where history is not null;
-- What the policy of a log looks for, behind whatever else its entries wait for.
create index entries_snapshot_asked on entries (log_id) where pending in ('snapshot', 'compact');

insert into workflow_name (name) values ('compact') on conflict do nothing;

-- Whether what p_workflow has done makes an earlier, dead unit of p_earlier needless.
create function workflow_stands_for(p_workflow text, p_earlier text) returns boolean language sql immutable as $$
  select p_earlier = p_workflow or p_workflow = 'compact' and p_earlier = 'snapshot'
$$;

-- Drops what was archived for the compaction that this entry asks for, in the transaction that then ends its unit: up to the entry, or to the
-- first one before it that still waits for work of another kind, which needs its entry. Returns the first entry held now; null where the entry
-- is gone or asks for no compaction any more, and nothing was dropped.
--
-- Lock order: log -> entry -> work_key -> work. Appends and truncations begin with the log's row, ends of units with the entry.
-- A transaction that holds what this one needs is not waited for long: the attempt fails for want of something else, and is tried again for ever. Nor
-- is the worker: frozen before its commit it would hold up every append. Both until the transaction ends.
create function truncate_archived(p_log_id text, p_sequence_id bigint) returns bigint
language plpgsql set search_path from current as $$
declare
  v_group text;
  v_first bigint;
  v_waiting bigint;
begin
  perform set_config('lock_timeout', '2s', true), set_config('idle_in_transaction_session_timeout', '30s', true);
  select l.type into v_group from logs l where l.id = p_log_id for no key update;
  -- Of several entries that others may lock too, the oldest first, as in lock_entry_to_end.
  perform from entries e
  where e.log_id = p_log_id and e.sequence_id in (
    select p.sequence_id from entries p where p.log_id = p_log_id and p.sequence_id <= p_sequence_id and p.pending is not null
    union
    select w.sequence_id from work w where w.state = 'dead' and w.group_name = v_group and w.log_id = p_log_id and w.sequence_id <= p_sequence_id)
  order by e.sequence_id for update;
  perform from entries e where e.log_id = p_log_id and e.sequence_id = p_sequence_id and e.pending = 'compact';
  if not found then
    return null;
  end if;
  select coalesce(min(e.sequence_id), p_sequence_id) into v_first from entries e
  where e.log_id = p_log_id and e.sequence_id < p_sequence_id and e.pending is not null and e.pending not in ('snapshot', 'compact');
  update logs l set
    first_sequence_id = greatest(l.first_sequence_id, v_first), snapshot_mark = greatest(l.snapshot_mark, p_sequence_id),
    compact_mark = greatest(l.compact_mark, p_sequence_id)
  where l.id = p_log_id;
  with dropped as (
    delete from entries e where e.log_id = p_log_id and e.sequence_id < v_first returning e.sequence_id, e.pending
  )
  select min(d.sequence_id) into v_waiting from dropped d where d.pending is not null and d.pending not in ('snapshot', 'compact');
  if v_waiting is not null then
    -- Asked for since the look above.
    raise exception 'entry % of log % began to wait for work while it was about to leave the log', v_waiting, p_log_id
      using errcode = 'serialization_failure', hint = 'Tried again, the entry stays.';
  end if;
  return v_first;
end
$$;

-- Locks the entry of a unit that is about to end, before its key, and the earlier ones that its snapshot will stand for.
-- False where the entry is gone.
create or replace function lock_entry_to_end(p_log_id text, p_sequence_id bigint, p_group text, p_workflow text, p_snapshot text)
returns boolean language plpgsql set search_path from current as $$
declare
  v_last bigint;
begin
  if p_snapshot is null then
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
create or replace function finish_work(
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
    if p_snapshot is not null then
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
create or replace function supersede_dead_work(p_log_id text, p_group text, p_workflow text, p_sequence_id bigint)
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

-- Appends at p_sequence_id (null: wherever the log ends), all or nothing. The logs row is the lock: of N writers at one
-- sequence id exactly one wins. A refusal is a status, never an error, so that a caller's transaction goes on:
--   'appended' | 'conflict' | 'log_not_found' | 'unknown_workflow' (unknown names it)
-- Metadata arrays may be null. The policy of snapshots and compactions is decided here: never two open per log. A compaction takes a snapshot,
-- so it stands for one: where a snapshot is due and the log holds compact_every entries, it is a compaction that is asked for.
-- With p_snapshot_id the newest snapshot is returned where its id differs.
create or replace function append_entries(
  p_log_id text, p_sequence_id bigint, p_types text[], p_data text[],
  p_snapshots text[] default null, p_histories text[] default null, p_pendings text[] default null,
  p_actor text default null, p_correlation_id text default null, p_causation_id text default null,
  p_snapshot_id bigint default null,
  out status text, out next_sequence_id bigint, out snapshot_sequence_id bigint, out snapshot text, out unknown text
) language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  v_count integer := coalesce(array_length(p_types, 1), 0);
  v_start bigint;
  v_next bigint;
  v_every integer;
  v_asked integer;
  v_asked_compact integer;
  v_first bigint;
  v_compact_every integer;
  v_compact_mark bigint;
  v_mark bigint;
  v_policy text;
begin
  if p_snapshots is not null or p_pendings is not null then
    select p into unknown from unnest(p_pendings) p where p is not null and not exists (select 1 from workflow_name n where n.name = p) limit 1;
    if found then
      status := 'unknown_workflow';
      return;
    end if;
    select max(m.ord), max(m.ord) filter (where m.pending = 'compact') into v_asked, v_asked_compact
    from unnest(p_snapshots, p_pendings) with ordinality m (snapshot, pending, ord)
    where m.snapshot is not null or m.pending in ('snapshot', 'compact');
  end if;
  update logs l set
    next_sequence_id = l.next_sequence_id + v_count, snapshot_mark = coalesce(l.next_sequence_id + v_asked - 1, l.snapshot_mark),
    compact_mark = coalesce(l.next_sequence_id + v_asked_compact - 1, l.compact_mark)
  where l.id = p_log_id and (p_sequence_id is null or l.next_sequence_id = p_sequence_id)
  returning l.next_sequence_id, l.snapshot_mark, l.snapshot_every, l.first_sequence_id, l.compact_every, l.compact_mark
  into v_next, v_mark, v_every, v_first, v_compact_every, v_compact_mark;
  if not found then
    select case when l.id is null then 'log_not_found' else 'conflict' end, l.next_sequence_id into status, next_sequence_id
    from (values (p_log_id)) v (id) left join logs l on l.id = v.id;
    return;
  end if;
  v_start := v_next - v_count;

  -- Step by step: as one condition the look at what is open would be part of every append.
  if v_asked is null and v_every is not null and v_count > 0 and v_next - v_mark >= v_every then
    if p_pendings is null or p_pendings[v_count] is null then
      if not exists (
        select 1 from entries e left join work w on w.id = e.pending || '/' || e.log_id || '/' || e.sequence_id
        where e.log_id = p_log_id and e.pending in ('snapshot', 'compact') and w.state is distinct from 'dead') then
        if v_compact_every is not null and v_next - greatest(v_first, v_compact_mark) >= v_compact_every then
          v_policy := 'compact';
          v_compact_mark := v_next - 1;
        else
          v_policy := 'snapshot';
        end if;
        update logs l set snapshot_mark = v_next - 1, compact_mark = v_compact_mark where l.id = p_log_id;
      end if;
    end if;
  end if;

  if v_count = 1 then
    insert into entries (log_id, sequence_id, type, data, snapshot, history, pending, actor, correlation_id, causation_id)
    values (p_log_id, v_start, p_types[1], p_data[1]::json, p_snapshots[1], p_histories[1], coalesce(p_pendings[1], v_policy),
      p_actor, p_correlation_id, p_causation_id);
  else
    insert into entries (log_id, sequence_id, type, data, snapshot, history, pending, actor, correlation_id, causation_id)
    select p_log_id, v_start + e.ord - 1, e.type, e.data::json, e.snapshot, e.history,
      case when e.ord = v_count then coalesce(e.pending, v_policy) else e.pending end, p_actor, p_correlation_id, p_causation_id
    from unnest(p_types, p_data, p_snapshots, p_histories, p_pendings) with ordinality e (type, data, snapshot, history, pending, ord);
  end if;

  if p_snapshot_id is not null then
    select e.sequence_id, e.snapshot into snapshot_sequence_id, snapshot from entries e
    where e.log_id = p_log_id and e.snapshot is not null order by e.sequence_id desc limit 1;
    if snapshot_sequence_id = p_snapshot_id then
      snapshot_sequence_id := null;
      snapshot := null;
    end if;
  end if;
  status := 'appended';
  next_sequence_id := v_next;
end
$$;

-- What they look for is by key: see the end of 0003.
do $$
declare
  item record;
begin
  for item in
    select p.oid::regprocedure as signature from pg_proc p
    where p.pronamespace = current_schema()::regnamespace and p.proname in (
      'lock_entry_to_end', 'finish_work', 'supersede_dead_work', 'append_entries', 'truncate_archived')
  loop
    execute format('alter function %s set enable_seqscan = off', item.signature);
  end loop;
end
$$;

call settle_privileges();
