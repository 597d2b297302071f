-- Event log operations that have to be one statement for their caller, and the grants.

-- Appends at p_sequence_id (null: wherever the log ends), all or nothing. The logs row is the lock: of N writers at one
-- sequence id exactly one wins. A refusal is a status, never an error, so that a caller's transaction goes on:
--   'appended' | 'conflict' | 'log_not_found' | 'unknown_workflow' (unknown names it)
-- Metadata arrays may be null. The policy of snapshots and compactions is decided here: never two open per log. A compaction takes a snapshot,
-- so it stands for one: where a snapshot is due and the log holds compact_every entries, it is a compaction that is asked for.
-- With p_snapshot_id the newest snapshot is returned where its id differs.
create function append_entries(
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

-- 'set' | 'log_not_found' | 'out_of_range' | 'unknown_workflow'. A false p_has_… leaves that key as it is; null clears it.
create function set_entry_metadata(
  p_log_id text, p_sequence_id bigint, p_has_snapshot boolean, p_snapshot text, p_has_history boolean, p_history text, p_has_pending boolean, p_pending text
) returns table (status text, first_sequence_id bigint, next_sequence_id bigint) language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  v_status text := 'set';
begin
  if p_has_pending and p_pending is not null and not exists (select 1 from workflow_name n where n.name = p_pending) then
    v_status := 'unknown_workflow';
  else
    update entries e set
      snapshot = case when p_has_snapshot then p_snapshot else e.snapshot end,
      history = case when p_has_history then p_history else e.history end,
      pending = case when p_has_pending then p_pending else e.pending end
    where e.log_id = p_log_id and e.sequence_id = p_sequence_id;
    if not found then
      v_status := 'out_of_range';
    end if;
  end if;
  return query
    select case when l.id is null then 'log_not_found' else v_status end, l.first_sequence_id, l.next_sequence_id
    from (values (p_log_id)) v (id) left join logs l on l.id = v.id;
end
$$;

-- Drops the entries before p_start: 'truncated' | 'log_not_found' | 'out_of_range'.
create function truncate_log(p_log_id text, p_start bigint)
returns table (status text, first_sequence_id bigint, next_sequence_id bigint) language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  v_status text := 'truncated';
begin
  update logs l set first_sequence_id = p_start
  where l.id = p_log_id and p_start between l.first_sequence_id and l.next_sequence_id;
  if found then
    delete from entries e where e.log_id = p_log_id and e.sequence_id < p_start;
  else
    v_status := 'out_of_range';
  end if;
  return query
    select case when l.id is null then 'log_not_found' else v_status end, l.first_sequence_id, l.next_sequence_id
    from (values (p_log_id)) v (id) left join logs l on l.id = v.id;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- Plans. A plan lives as long as its connection, or until the table is analysed. Made while a table is small it would read the
-- whole table, and go on doing so as it grows (1.2 ms an append became 2.1 ms within 800 units of a new database). What these
-- functions look for is by key, so they go by an index from the start.
-- ---------------------------------------------------------------------------------------------------------------

do $$
declare
  item record;
begin
  for item in
    select p.oid::regprocedure as signature from pg_proc p
    where p.pronamespace = current_schema()::regnamespace and p.proname in (
      'add_work', 'add_entry_work', 'lock_work_key', 'work_key_busy', 'advance_work_key',
      'claim_work', 'mark_work_started', 'release_claim', 'renew_work', 'work_places_taken',
      'begin_work', 'begin_burst', 'begin_beyond_burst', 'close_burst', 'lock_entry_to_end', 'finish_work', 'supersede_dead_work', 'fail_work', 'release_work',
      'record_progress', 'complete_workflow', 'append_entries', 'set_entry_metadata')
  loop
    execute format('alter function %s set enable_seqscan = off', item.signature);
  end loop;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- Roles: owner migrates, app reads and writes, reader reads. Every migration ends with this call.
-- ---------------------------------------------------------------------------------------------------------------

create procedure settle_privileges() language plpgsql set search_path from current as $$
declare
  v_schema text := current_schema();
  item record;
begin
  if not pg_has_role(current_user, 'tidemark_owner', 'member') then
    execute format('grant tidemark_owner to %I', current_user);
  end if;
  execute format('grant create on database %I to tidemark_owner', current_database());
  execute format('alter schema %I owner to tidemark_owner', v_schema);
  for item in
    select format('alter table %I.%I owner to tidemark_owner', v_schema, c.relname) as statement
    from pg_class c where c.relnamespace = v_schema::regnamespace and c.relkind = 'r' and pg_get_userbyid(c.relowner) <> 'tidemark_owner'
    union all
    select format('alter sequence %I.%I owner to tidemark_owner', v_schema, c.relname)
    from pg_class c where c.relnamespace = v_schema::regnamespace and c.relkind = 'S' and pg_get_userbyid(c.relowner) <> 'tidemark_owner'
      and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i'))
    union all
    select format('alter routine %s owner to tidemark_owner', p.oid::regprocedure)
    from pg_proc p where p.pronamespace = v_schema::regnamespace and pg_get_userbyid(p.proowner) <> 'tidemark_owner'
  loop
    execute item.statement;
  end loop;
  -- Temporary tables are looked at last: what runs with its owner's rights must not find a caller's in the place of one of ours.
  for item in
    select format('alter function %s set search_path = %I, pg_temp', p.oid::regprocedure, v_schema) as statement
    from pg_proc p where p.pronamespace = v_schema::regnamespace and p.prokind = 'f'
      and exists (select 1 from unnest(p.proconfig) c where c like 'search_path=%' and c not like '%pg_temp%')
  loop
    execute item.statement;
  end loop;
  execute format('grant usage on schema %I to tidemark_app, tidemark_reader', v_schema);
  execute format('grant select on all tables in schema %I to tidemark_app, tidemark_reader', v_schema);
  execute format('grant insert, update, delete on all tables in schema %I to tidemark_app', v_schema);
  execute format('grant usage on all sequences in schema %I to tidemark_app', v_schema);
  -- The state machine and the installation's id are the migrations' alone (a lock needs the right to update one column).
  revoke insert, update, delete on work_transition, installation, migration from tidemark_app;
  grant update (created_at) on installation to tidemark_app;
end
$$;

call settle_privileges();
