/**
 * What the database itself records during a drill, by triggers of the drill's own: entries that were truncated away, what asked for work,
 * what work ended how and in which epoch. A record commits with what it records, or not at all.
 */
import type { Queryable } from '../../src/postgres/queryable.ts';

/** As superuser, once, after the migrations. */
export async function installRecording(owner: Queryable): Promise<void> {
  await owner.query(RECORDING);
}

const RECORDING = `
create schema drill;

create table drill.removed_entry (like tidemark.entries);
create index on drill.removed_entry (log_id, sequence_id);
create function drill.record_removed_entry() returns trigger language plpgsql security definer as $$
begin
  insert into drill.removed_entry select old.*;
  return null;
end
$$;
create trigger drill_removed after delete on tidemark.entries for each row execute function drill.record_removed_entry();

-- The log was truncated: by the end of a compaction, or by somebody's own hand.
create table drill.truncated (log_id text, first bigint, by_hand boolean);
create function drill.record_truncated() returns trigger language plpgsql security definer as $$
begin
  insert into drill.truncated (log_id, first, by_hand) values (new.id, new.first_sequence_id, current_query() not like '%truncate_archived%');
  return null;
end
$$;
create trigger drill_truncated after update of first_sequence_id on tidemark.logs
  for each row when (new.first_sequence_id > old.first_sequence_id) execute function drill.record_truncated();

-- pending was set: by the append, the policy, or again.
create table drill.asked (log_id text, sequence_id bigint, at timestamptz default clock_timestamp());
create function drill.record_asked() returns trigger language plpgsql security definer as $$
begin
  insert into drill.asked (log_id, sequence_id) values (new.log_id, new.sequence_id);
  return null;
end
$$;
create trigger drill_asked after insert on tidemark.entries
  for each row when (new.pending is not null) execute function drill.record_asked();
create trigger drill_asked_again after update of pending on tidemark.entries
  for each row when (new.pending is not null and new.pending is distinct from old.pending) execute function drill.record_asked();

-- pending was cleared, by which epoch of its unit.
create table drill.cleared (log_id text, sequence_id bigint, epoch bigint, at timestamptz default clock_timestamp());
create function drill.record_cleared() returns trigger language plpgsql security definer as $$
begin
  insert into drill.cleared (log_id, sequence_id, epoch)
  select new.log_id, new.sequence_id,
    (select w.epoch from tidemark.work w where w.log_id = new.log_id and w.sequence_id = new.sequence_id and w.workflow = old.pending);
  return null;
end
$$;
create trigger drill_cleared after update of pending on tidemark.entries
  for each row when (old.pending is not null and new.pending is null) execute function drill.record_cleared();

-- A unit of a log ended. state done: its completion.
create table drill.ended (
  log_id text, sequence_id bigint, epoch bigint, attempt integer, state text, burst_id text, at timestamptz default clock_timestamp());
create function drill.record_ended() returns trigger language plpgsql security definer as $$
begin
  insert into drill.ended (log_id, sequence_id, epoch, attempt, state, burst_id)
  values (new.log_id, new.sequence_id, new.epoch, new.attempt, new.state, old.burst_id);
  return null;
end
$$;
create trigger drill_ended after update of state on tidemark.work
  for each row when (new.log_id is not null and new.state in ('done', 'dead', 'cancelled', 'expired') and new.state is distinct from old.state)
  execute function drill.record_ended();

create table drill.burst_member (burst_id text, work_id text, epoch bigint);
create function drill.record_burst_member() returns trigger language plpgsql security definer as $$
begin
  insert into drill.burst_member (burst_id, work_id, epoch) values (new.burst_id, new.id, new.epoch);
  return null;
end
$$;
create trigger drill_burst after update of burst_id on tidemark.work
  for each row when (new.burst_id is not null and new.burst_id is distinct from old.burst_id) execute function drill.record_burst_member();

create table drill.progressed (work_id text, epoch bigint, attempt integer);
create function drill.record_progressed() returns trigger language plpgsql security definer as $$
begin
  insert into drill.progressed (work_id, epoch, attempt) values (new.id, new.epoch, new.attempt);
  return null;
end
$$;
create trigger drill_progressed after update of progress on tidemark.work
  for each row when (new.progress is not null) execute function drill.record_progressed();
`;
