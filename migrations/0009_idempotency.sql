-- Appends that are asked for more than once, and happen once.

create table idempotency_key (
  owner text not null,
  key text not null check (octet_length(key) between 1 and 200),
  request bytea not null,
  next_sequence_id bigint not null,
  snapshot_sequence_id bigint,
  snapshot text,
  created_at timestamptz not null default now(),
  primary key (owner, key)
) with (autovacuum_vacuum_scale_factor = 0.05);
comment on table idempotency_key is 'The answers of appends that were made under a key, for a day. A key is its owner''s: another one''s is another key.';
comment on column idempotency_key.request is 'Hash of what was asked for: a key stands for one request.';
create index idempotency_key_created_at on idempotency_key (created_at);

-- append_entries, at most once per owner and key within 24 hours, in one transaction with the key. Who asks while the same is under way
-- waits for it. What append_entries says, and 'key_reused': the key stands for another request. A refusal is not kept: nothing has happened.
-- Keys that are over are removed here, a few at a time, so they are as many as a day has appends under a key.
create function append_entries_once(
  p_owner text, p_key text, p_request bytea,
  p_log_id text, p_sequence_id bigint, p_types text[], p_data text[],
  p_snapshots text[] default null, p_histories text[] default null, p_pendings text[] default null,
  p_actor text default null, p_correlation_id text default null, p_causation_id text default null,
  p_snapshot_id bigint default null,
  out status text, out next_sequence_id bigint, out snapshot_sequence_id bigint, out snapshot text, out unknown text, out replayed boolean
) language plpgsql set search_path from current set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v idempotency_key;
  v_over timestamptz := clock_timestamp() - interval '24 hours';
begin
  replayed := false;
  delete from idempotency_key where (owner, key) in (
    select k.owner, k.key from idempotency_key k where k.created_at < v_over order by k.created_at limit 10 for update skip locked);
  perform pg_advisory_xact_lock(hashtextextended(p_owner || ' ' || p_key, 7420));
  -- A statement of its own, after the lock: it sees what whoever had the lock has committed.
  select * into v from idempotency_key k where k.owner = p_owner and k.key = p_key and k.created_at >= v_over;
  if found then
    replayed := v.request = p_request;
    status := case when replayed then 'appended' else 'key_reused' end;
    next_sequence_id := v.next_sequence_id;
    snapshot_sequence_id := v.snapshot_sequence_id;
    snapshot := v.snapshot;
    return;
  end if;
  select a.status, a.next_sequence_id, a.snapshot_sequence_id, a.snapshot, a.unknown
  into status, next_sequence_id, snapshot_sequence_id, snapshot, unknown
  from append_entries(p_log_id, p_sequence_id, p_types, p_data, p_snapshots, p_histories, p_pendings,
    p_actor, p_correlation_id, p_causation_id, p_snapshot_id) a;
  if status = 'appended' then
    insert into idempotency_key (owner, key, request, next_sequence_id, snapshot_sequence_id, snapshot, created_at)
    values (p_owner, p_key, p_request, next_sequence_id, snapshot_sequence_id, snapshot, clock_timestamp())
    -- Over, and not removed yet.
    on conflict (owner, key) do update set request = excluded.request, next_sequence_id = excluded.next_sequence_id,
      snapshot_sequence_id = excluded.snapshot_sequence_id, snapshot = excluded.snapshot, created_at = excluded.created_at;
  end if;
end
$$;

call settle_privileges();
