-- Compaction: entries before a snapshot move from the log to history blobs.

create index entries_history on entries (log_id, sequence_id) where history is not null;
-- What the policy of a log looks for, behind whatever else its entries wait for.
create index entries_snapshot_asked on entries (log_id) where pending in ('snapshot', 'compact');

insert into workflow_name (name) values ('compact') on conflict do nothing;

-- Drops what was archived for the compaction that this entry asks for, in the transaction that then ends its unit: up to the entry, or to the
-- first one before it that still waits for work of another kind, which needs its entry. Returns the first entry held now; null where the entry
-- is gone or asks for no compaction any more, and nothing was dropped.
--
-- Lock order: log -> entry -> work_key -> work. Appends and truncations begin with the log's row, ends of units with the entry.
-- A transaction that holds what this one needs is not waited for long: the attempt fails for want of something else, and is tried again for ever. Nor
-- is the worker: frozen before its commit it would hold up every append. Both until the transaction ends.
create function truncate_archived(p_log_id text, p_sequence_id bigint) returns bigint
language plpgsql set search_path from current set enable_seqscan = off as $$
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

call settle_privileges();
