-- Removing blobs that nothing refers to any more, and the snapshots that a log does not keep. docs/decisions/0019-garbage.md says why it is safe.

-- Stores know no times: since when a blob of a log has been seen with nothing that refers to it. Whoever is about to write a blob of that name deletes
-- its row first; whoever removes blobs holds their rows locked while it does.
create table blob_garbage (
  log_id text not null references logs (id) on delete cascade,
  name text collate "C" not null,
  since timestamptz not null default clock_timestamp(),
  removing_since timestamptz,
  primary key (log_id, name)
);
comment on table blob_garbage is 'Blobs directly in the directory of a log that nothing refers to. Removed when that has been so for the grace period.';
comment on column blob_garbage.removing_since is 'Someone set out to remove it and has not said that it is done: for a while it may still go, whatever became of them.';
create index blob_garbage_since on blob_garbage (log_id, since);

alter table logs add column keep_snapshots integer check (keep_snapshots > 0), add column keep_days integer check (keep_days >= 0);
comment on column logs.keep_snapshots is 'Newest snapshots that are kept; null: 10.';
comment on column logs.keep_days is 'Days, today included, of which the last snapshot is kept; null: 30.';

insert into sweep_counter (name) values ('missing_blob');

-- Asked with the beginning of each unit, in its statement: nearly always the answer is no, and blobs are written as ever.
create function has_garbage(p_log_id text) returns boolean stable language plpgsql set search_path from current set enable_seqscan = off as $$
begin
  return exists (select 1 from blob_garbage g where g.log_id = p_log_id);
end
$$;

-- Takes the mark off a blob that is about to be written. Waits for whoever is removing it, of whose work the row then is gone. False: whoever set out to
-- remove it has vanished, and what they asked the store for may still come: not before p_hold has passed.
create function unmark_blob(p_log_id text, p_name text, p_hold interval) returns boolean language plpgsql set search_path from current set enable_seqscan = off as $$
declare
  v_removing_since timestamptz;
begin
  select g.removing_since into v_removing_since from blob_garbage g where g.log_id = p_log_id and g.name = p_name for update;
  if found and v_removing_since > clock_timestamp() - p_hold then
    return false;
  end if;
  delete from blob_garbage g where g.log_id = p_log_id and g.name = p_name;
  return true;
end
$$;

-- Whether something may be writing blobs of this log, or is about to: then none is removed. A snapshot that is asked for counts before it begins,
-- so whoever begins after this was answered with no began after it, and sees every mark there was.
-- With p_unit: beside that attempt, which has to be the last one of its unit. As long as it is, no other unit of its key begins: those that wait do not count.
create function writes_blobs(
  p_log_id text, p_unit text default null, p_epoch bigint default null, p_attempt integer default null, p_fence uuid default null
) returns boolean language plpgsql set search_path from current set enable_seqscan = off as $$
begin
  if p_unit is null then
    return exists (
      select 1 from work w where w.log_id = p_log_id
        and (w.state = 'started' or w.state in ('waiting', 'ready', 'claimed') and w.workflow in ('snapshot', 'compact', 'erase')));
  end if;
  return not exists (
    select 1 from work w
    where w.id = p_unit and w.epoch = p_epoch and w.attempt = p_attempt and w.fence = p_fence and w.state = 'started'
  ) or exists (
    select 1 from work w where w.log_id = p_log_id and w.id <> p_unit and w.state in ('ready', 'claimed', 'started'));
end
$$;

-- Entries lose their snapshot; never the newest one that has one, nor the oldest one of a log that was truncated, which stands for all before it.
-- Lock order: log -> entries, as everywhere.
create function drop_snapshots(p_log_id text, p_sequence_ids bigint[]) returns bigint language plpgsql set search_path from current set enable_seqscan = off as $$
declare
  v_first bigint;
  v_oldest bigint;
  v_newest bigint;
  v_dropped bigint;
begin
  select l.first_sequence_id into v_first from logs l where l.id = p_log_id for share;
  select min(e.sequence_id), max(e.sequence_id) into v_oldest, v_newest from entries e where e.log_id = p_log_id and e.snapshot is not null;
  perform 1 from entries e where e.log_id = p_log_id and e.sequence_id = any (p_sequence_ids) order by e.sequence_id for update;
  update entries e set snapshot = null
  where e.log_id = p_log_id and e.sequence_id = any (p_sequence_ids) and e.snapshot is not null
    and (v_first = 0 or e.sequence_id > v_oldest) and e.sequence_id < v_newest;
  get diagnostics v_dropped = row_count;
  return v_dropped;
end
$$;

call settle_privileges();
