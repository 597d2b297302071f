-- The event log and the work table. Names are unqualified: the migration runs with search_path set to the schema
-- of the installation, and every function keeps that path (`set search_path from current`).

do $$
declare
  role_name text;
begin
  foreach role_name in array array['tidemark_owner', 'tidemark_app', 'tidemark_reader', 'tidemark_publisher', 'tidemark_enqueuer', 'tidemark_cdc'] loop
    if not exists (select 1 from pg_roles where rolname = role_name) then
      begin
        execute format('create role %I nologin', role_name);
      exception
        when duplicate_object or unique_violation then null; -- another migration on this cluster was faster
        when insufficient_privilege then
          raise exception 'role % is missing and % may not create it', role_name, current_user
            using hint = format('Run as a superuser: create role %I nologin; then migrate again.', role_name);
      end;
    end if;
  end loop;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- Installation, names, groups
-- ---------------------------------------------------------------------------------------------------------------

create table installation (
  singleton boolean primary key default true check (singleton),
  id text not null default substr(replace(gen_random_uuid()::text, '-', ''), 1, 8) check (id ~ '^[a-z0-9]{4,32}$'),
  created_at timestamptz not null default now()
);
comment on table installation is 'One row. Its id begins every Temporal workflow id; locking it is what makes one claim at a time.';
insert into installation default values;

create table workflow_name (
  name text primary key check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
  registered_at timestamptz not null default now()
);
comment on table workflow_name is 'Workflows that workers of this installation can run. Only these may stand in pending, only these are claimed.';
insert into workflow_name (name) values ('snapshot');

create table work_group (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
  cap integer check (cap >= 0),
  paused boolean not null default false,
  on_dead text not null default 'free' check (on_dead in ('free', 'block')),
  keep_finished integer not null default 1000 check (keep_finished >= 0),
  rate_units integer check (rate_units > 0),
  rate_per interval check (rate_per > interval '0'),
  rate_left double precision,
  rate_counted_at timestamptz,
  check ((rate_units is null) = (rate_per is null))
);
comment on table work_group is 'What caps, rates, fairness, retention and metrics are per: a log type, a subscription or a job name.';
comment on column work_group.paused is 'Nothing of it begins. What runs goes on to its end.';
comment on column work_group.rate_units is 'At most so many begin per rate_per: a bucket that holds so many, and fills evenly.';
comment on column work_group.rate_left is 'What was in the bucket at rate_counted_at. Null: it was full.';

-- ---------------------------------------------------------------------------------------------------------------
-- Event logs
-- ---------------------------------------------------------------------------------------------------------------

create table logs (
  id text primary key check (id ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
  type text not null references work_group (name),
  type_version integer not null default 1 check (type_version > 0),
  settings jsonb not null default '{}',
  snapshot_every integer check (snapshot_every > 0),
  snapshot_mark bigint not null default 0,
  compact_every integer check (compact_every > 0),
  compact_mark bigint not null default 0,
  first_sequence_id bigint not null default 0,
  next_sequence_id bigint not null default 0,
  created_at timestamptz not null default now(),
  check (0 <= first_sequence_id and first_sequence_id <= next_sequence_id),
  -- Decided where a snapshot is due, so that a plain append looks at nothing more.
  constraint logs_compact_needs_snapshot check (compact_every is null or snapshot_every is not null)
) with (fillfactor = 70);
comment on column logs.snapshot_mark is 'Newest entry that has, or was asked for, a snapshot. The policy counts from here.';
comment on column logs.compact_every is 'Entries held at which a snapshot by policy becomes a compaction.';
comment on column logs.compact_mark is 'Newest entry that was asked for a compaction, or had one. The policy counts from here, or from the first entry held.';

-- Whether a name is one of a log type.
create index logs_type on logs (type);

create function log_group() returns trigger language plpgsql set search_path from current as $$
begin
  insert into work_group (name) values (new.type) on conflict do nothing;
  return new;
end
$$;
create trigger log_group before insert on logs for each row execute function log_group();

create table entries (
  log_id text not null references logs (id) on delete cascade,
  sequence_id bigint not null,
  type text not null,
  data json not null,
  snapshot text,
  history text,
  pending text,
  actor text,
  correlation_id text,
  causation_id text,
  committed_at timestamptz not null default now(),
  primary key (log_id, sequence_id)
);
comment on column entries.data is 'The entry''s own fields, as sent (json, not jsonb: stored by value).';
comment on column entries.snapshot is 'Blob with the state of all entries strictly before this one.';
comment on column entries.history is 'Blob from which all entries strictly before this one can be read, archived.';
create index entries_snapshot on entries (log_id, sequence_id) where snapshot is not null;
create index entries_pending on entries (log_id, sequence_id) where pending is not null;

-- ---------------------------------------------------------------------------------------------------------------
-- Work
-- ---------------------------------------------------------------------------------------------------------------

create sequence work_epoch;
comment on sequence work_epoch is 'Epochs never come back, not even for a unit whose row was pruned and made again.';

create table work (
  id text primary key check (octet_length(id) between 1 and 500),
  workflow text not null,
  log_id text,
  sequence_id bigint,
  input json,
  state text not null,
  group_name text not null references work_group (name),
  ordering_key text,
  position bigint,
  priority smallint not null default 0,
  not_before timestamptz not null default now(),
  fairness_key text,
  turn timestamptz,
  expires_at timestamptz,
  claim_token uuid,
  lease_until timestamptz,
  epoch bigint not null,
  first_epoch bigint not null,
  attempt integer not null default 0,
  fence uuid,
  unended integer not null default 0,
  failures integer not null default 0,
  burst_id text,
  alone boolean not null default false,
  execution text,
  check_after timestamptz,
  checks integer not null default 0,
  progress json,
  result json check (octet_length(result::text) <= 262144),
  error json,
  actor text,
  correlation_id text,
  causation_id text,
  created_at timestamptz not null default now(),
  begun_at timestamptz,
  finished_at timestamptz,
  check (state in ('waiting', 'ready', 'claimed', 'started', 'done', 'dead', 'cancelled', 'expired')),
  check ((ordering_key is null) = (position is null)),
  check (state <> 'waiting' or ordering_key is not null),
  check ((log_id is null) = (sequence_id is null))
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
comment on table work is 'Outbox, queue, status and result of every unit of work. Its state is the truth.';
comment on column work.priority is 'Lower first.';
comment on column work.fairness_key is 'Jobs of a group take turns by it. Empty: all without a key share one. Null: no job.';
comment on column work.turn is 'The place that it took among the keys of its group when its time had come: then it is its not_before too.';
comment on column work.epoch is 'Which life of the unit this is: a redrive or a run that is gone begins a new one.';
comment on column work.fence is 'Set anew by each beginning; only its holder can finish, fail, release or report progress.';
comment on column work.unended is 'Beginnings in a row of which no end was seen.';
comment on column work.failures is 'Attempts of this epoch that ended in an error of the handler''s own; what is tried for ever is not counted.';
comment on column work.alone is 'Left a burst: never joins one again.';

create index work_claim on work (group_name, priority, not_before, id) where state = 'ready';
create index work_burst on work (burst_id) where burst_id is not null and state in ('ready', 'claimed', 'started');
-- Claims that ran out: nearly always empty. Without it they are looked for among all that is ready.
create index work_burst_ready on work (group_name, workflow, burst_id) where burst_id is not null and state = 'ready';
create index work_running on work (group_name, workflow) where state in ('claimed', 'started');
create unique index work_key_head on work (group_name, ordering_key) where ordering_key is not null and state in ('ready', 'claimed', 'started');
create index work_key_order on work (group_name, ordering_key, position)
  where ordering_key is not null and state in ('waiting', 'ready', 'claimed', 'started', 'dead');
create index work_expiry on work (expires_at) where expires_at is not null and state in ('waiting', 'ready');
create index work_dead on work (group_name, log_id) where state = 'dead';
create index work_finished on work (group_name, finished_at) where state in ('done', 'cancelled', 'expired');
create index work_entry on work (log_id, sequence_id) where log_id is not null;

create table open_burst (
  burst_id text primary key,
  group_name text not null,
  workflow text not null,
  execution text not null,
  fence uuid not null,
  seen_at timestamptz not null default clock_timestamp(),
  room_under integer
) with (fillfactor = 50);
comment on table open_burst is 'Bursts that go on with what gets ready in their group, also while they have nothing to do. Not the truth of any unit: without its row a burst only ends sooner.';
comment on column open_burst.fence is 'Of the attempt that may begin more: a later one has set its own.';
comment on column open_burst.seen_at is 'When it last asked for more, to a quarter of a second.';
comment on column open_burst.room_under is 'Cap of its group under which this attempt has found room. While it is seen its places are kept for it.';

create table work_key (
  group_name text not null,
  ordering_key text not null,
  next_position bigint not null,
  primary key (group_name, ordering_key)
);
comment on table work_key is 'Locked by whoever publishes to a key or moves its head, so that order is commit order.';

create table sweep_counter (
  name text primary key,
  value bigint not null default 0
);
insert into sweep_counter (name) values
  ('expired_lease'), ('gone_execution'), ('pending_without_unit'), ('expired'), ('pruned'), ('superseded'), ('unclaimed_workflow');

create table work_transition (
  before text not null,
  after text not null,
  reason text not null,
  primary key (before, after)
);
comment on table work_transition is 'The state machine. An update that is not in here is refused.';
insert into work_transition (before, after, reason) values
  ('waiting', 'ready', 'became the head of its key'),
  ('waiting', 'done', 'its entry was completed by a host'),
  ('waiting', 'cancelled', 'cancelled'),
  ('waiting', 'expired', 'expires_at passed'),
  ('ready', 'claimed', 'claimed by a starter'),
  ('ready', 'started', 'its execution began after the lease ran out'),
  ('ready', 'done', 'its entry was completed by a host'),
  ('ready', 'dead', 'Temporal refuses it'),
  ('ready', 'cancelled', 'cancelled'),
  ('ready', 'expired', 'expires_at passed'),
  ('claimed', 'ready', 'lease ran out, or the start failed'),
  ('claimed', 'started', 'Temporal has it'),
  ('claimed', 'done', 'its entry was completed by a host'),
  ('claimed', 'dead', 'Temporal refuses it'),
  ('claimed', 'cancelled', 'cancelled'),
  ('claimed', 'expired', 'expires_at passed before it began'),
  ('started', 'ready', 'left its burst, or its run is gone: new epoch'),
  ('started', 'done', 'finished'),
  ('started', 'dead', 'gave up'),
  ('started', 'cancelled', 'cancelled'),
  ('started', 'expired', 'expires_at passed before it began, or began again'),
  ('dead', 'ready', 'redriven: new epoch'),
  ('dead', 'waiting', 'redriven behind its key: new epoch'),
  ('dead', 'done', 'superseded by a later one, or completed by a host'),
  ('dead', 'cancelled', 'discarded'),
  ('done', 'ready', 'pending set again: new epoch'),
  ('done', 'waiting', 'pending set again behind its key: new epoch'),
  ('cancelled', 'ready', 'pending set again: new epoch'),
  ('cancelled', 'waiting', 'pending set again behind its key: new epoch'),
  ('expired', 'ready', 'pending set again: new epoch'),
  ('expired', 'waiting', 'pending set again behind its key: new epoch');

create function refuse_illegal_transition() returns trigger language plpgsql set search_path from current as $$
begin
  raise exception 'work % may not go from % to % (epoch % to %)', old.id, old.state, new.state, old.epoch, new.epoch using errcode = 'TM002';
end
$$;

-- Made from the table above, and called by the trigger's condition: a legal update costs no more. In the condition itself it would be read anew, as text, by
-- each statement that changes a unit: a quarter of what that costs.
do $$
begin
  execute format($function$
    create function work_may_go(p_before text, p_after text, p_epoch_before bigint, p_epoch_after bigint) returns boolean
    language plpgsql immutable as $body$
    begin
      return p_before || ' > ' || p_after = any (array[%s])
        and not (p_before in ('dead', 'done', 'cancelled', 'expired') and p_after in ('ready', 'waiting') and p_epoch_after <= p_epoch_before);
    end
    $body$
    $function$,
    (select string_agg(quote_literal(t.before || ' > ' || t.after), ', ' order by t.before, t.after) from work_transition t));
end
$$;
create trigger work_transition before update of state on work for each row
  when (old.state <> new.state and not work_may_go(old.state, new.state, old.epoch, new.epoch)) execute function refuse_illegal_transition();
