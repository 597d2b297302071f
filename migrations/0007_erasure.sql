-- Erasure: values leave entries, histories and snapshots for good. docs/decisions/0020-erasure-rewrites-the-past.md says in which order, and why.

insert into workflow_name (name) values ('erase') on conflict do nothing;

-- Entries get data without the values: the one way in which data ever change. p_before: md5 of the text that p_data were made from, so that of two
-- erasures neither brings back what the other one has erased. Returns how many were still that.
create function erase_entry_data(p_log_id text, p_sequence_ids bigint[], p_before text[], p_data text[]) returns bigint
language plpgsql set search_path from current set enable_seqscan = off set lock_timeout = '2s' as $$
declare
  v_erased bigint;
begin
  -- Lock order: log -> entries, as everywhere.
  perform from logs l where l.id = p_log_id for no key update;
  perform from entries e where e.log_id = p_log_id and e.sequence_id = any (p_sequence_ids) order by e.sequence_id for update;
  update entries e set data = n.data::json
  from unnest(p_sequence_ids, p_before, p_data) n (sequence_id, before, data)
  where e.log_id = p_log_id and e.sequence_id = n.sequence_id and md5(e.data::text) = n.before;
  get diagnostics v_erased = row_count;
  return v_erased;
end
$$;

-- The log lets go of all blobs that hold values from before p_sequence_id, and refers to those without them: the snapshot on p_sequence_id itself, the one
-- that stands for what was truncated, on p_base_at, the history where it was, on p_history_at. What units of the log have noted of the time before goes with
-- it: results, progress, what an error says.
-- 'swapped'; 'over': the entry asks for no erasure any more; 'changed': the log has another history by now, or begins elsewhere than at p_first. Nothing was
-- changed then. Lock order: log -> entries -> work_key -> work.
create function swap_erased(
  p_log_id text, p_sequence_id bigint, p_unit text, p_first bigint, p_snapshot text, p_base_at bigint, p_base text,
  p_history_at bigint, p_history_before text, p_history text
) returns text language plpgsql set search_path from current set enable_seqscan = off set lock_timeout = '2s' as $$
declare
  v_group text;
  v_first bigint;
  v_history_at bigint;
  v_history text;
begin
  update logs l set snapshot_mark = greatest(l.snapshot_mark, p_sequence_id) where l.id = p_log_id returning l.type, l.first_sequence_id into v_group, v_first;
  perform from entries e
  where e.log_id = p_log_id and (e.sequence_id = p_sequence_id or e.snapshot is not null or e.history is not null)
  order by e.sequence_id for update;
  perform from entries e where e.log_id = p_log_id and e.sequence_id = p_sequence_id and e.pending = 'erase';
  if not found then
    return 'over';
  end if;
  select e.sequence_id, e.history into v_history_at, v_history from entries e
  where e.log_id = p_log_id and e.history is not null order by e.sequence_id desc limit 1;
  if v_first <> p_first or v_history_at is distinct from p_history_at or v_history is distinct from p_history_before then
    return 'changed';
  end if;

  update entries e set snapshot = case when e.sequence_id = p_base_at then p_base end
  where e.log_id = p_log_id and e.sequence_id < p_sequence_id and e.snapshot is not null;
  update entries e set snapshot = p_snapshot where e.log_id = p_log_id and e.sequence_id = p_sequence_id;
  update entries e set history = case when e.sequence_id = p_history_at then p_history end
  where e.log_id = p_log_id and e.history is not null;

  perform from work_key k where k.group_name = v_group and k.ordering_key = p_log_id for update;
  perform from work w where w.log_id = p_log_id and w.id <> p_unit order by w.id for update;
  update work w set
    progress = null,
    result = case when w.sequence_id < p_sequence_id then null else w.result end,
    error = case when w.error is null then null else json_build_object('code', readable_error(w.error) ->> 'code', 'message', 'What it said was erased.') end
  where w.log_id = p_log_id and w.id <> p_unit;
  return 'swapped';
end
$$;

call settle_privileges();
