-- Jobs: long work that somebody asked for and looks at. A job is a unit of work, `job/<name>/<id>`, of the group of its name: attempts, caps, priorities,
-- pauses and deaths are those of work. What a person sees of it beside its unit is here, and goes with the unit.

alter table work_group add column keep_dead integer check (keep_dead >= 0);
comment on column work_group.keep_dead is 'Dead units beyond the newest so many are pruned. Null: they stay until redriven or discarded.';

-- The newest of them are kept, and counted by when they ended.
create index work_dead_finished on work (group_name, finished_at) where state = 'dead';
create index work_job_actor on work (group_name, actor) where workflow = 'job' and state in ('waiting', 'ready');

-- ---------------------------------------------------------------------------------------------------------------
-- Turns: docs/decisions/0029-jobs-take-turns.md
-- ---------------------------------------------------------------------------------------------------------------

create index work_turn on work (group_name, priority, fairness_key, turn) where state = 'ready' and turn is not null;
-- What has come back, was redriven or put off: few.
create index work_turn_due on work (not_before) where state = 'ready' and fairness_key is not null and turn is distinct from not_before;

-- Where the next job of a key stands: right behind the first that waits, or right behind the last of its own that waits. So keys take turns however
-- many jobs each has. Null: none with a key waits, first come first served. Locks nothing: what two transactions enqueue at once may stand at one place.
create function next_job_turn(p_group text, p_key text, p_priority smallint) returns timestamptz language plpgsql set search_path from current as $$
declare
  v_now timestamptz := clock_timestamp();
  v_first timestamptz;
  v_last timestamptz;
begin
  -- Each in the order of its index, so that no plan walks over all that waits.
  if p_key = '' then
    perform w.fairness_key from work w
    where w.state = 'ready' and w.turn is not null and w.group_name = p_group and w.priority = p_priority and w.fairness_key > ''
    order by w.fairness_key limit 1;
    if not found then
      return null;
    end if;
  end if;
  select w.not_before into v_first from work w
  where w.state = 'ready' and w.group_name = p_group and w.priority = p_priority order by w.not_before limit 1;
  select w.turn into v_last from work w
  where w.state = 'ready' and w.turn is not null and w.group_name = p_group and w.priority = p_priority and w.fairness_key = p_key
  order by w.turn desc limit 1;
  return least(greatest(least(v_first, v_now), v_last + interval '1 microsecond'), v_now);
end
$$;

-- Jobs whose time has come by the clock (another attempt, redriven, put off) take their turn as if they were enqueued now: by the clock they would stand
-- behind all that is enqueued after them for as long as there is a backlog. At most p_limit.
create function take_job_turns(p_limit integer) returns bigint language plpgsql set search_path from current as $$
declare
  v record;
  v_count bigint := 0;
begin
  for v in
    select w.id, w.group_name, w.fairness_key, w.priority, w.not_before from work w
    where w.state = 'ready' and w.fairness_key is not null and w.turn is distinct from w.not_before and w.not_before <= clock_timestamp()
    order by w.not_before limit p_limit for update skip locked
  loop
    update work w set turn = t.turn, not_before = t.turn
    from (select coalesce(next_job_turn(v.group_name, v.fairness_key, v.priority), v.not_before) as turn) t where w.id = v.id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- What is kept beside a job's unit
-- ---------------------------------------------------------------------------------------------------------------

create table job_attempt (
  id bigint generated always as identity primary key,
  work_id text not null,
  attempt integer not null,
  begun_at timestamptz,
  failed_at timestamptz not null default clock_timestamp(),
  error json not null
);
comment on table job_attempt is 'Attempts of jobs that ended in an error.';
create index job_attempt_work_id on job_attempt (work_id, id);

create table job_line (
  id bigint generated always as identity primary key,
  work_id text not null,
  attempt integer not null,
  level text not null check (level in ('debug', 'info', 'warn', 'error')),
  text text not null,
  fields json,
  written_at timestamptz not null default clock_timestamp()
);
comment on table job_line is 'Output of jobs: the lines that their handlers log.';
create index job_line_work_id on job_line (work_id, id);

create table job_step (
  work_id text not null,
  name text not null check (length(name) between 1 and 200),
  result json check (octet_length(result::text) <= 262144),
  finished_at timestamptz not null default clock_timestamp(),
  primary key (work_id, name)
);
comment on table job_step is 'Steps that have finished: a later attempt has their results and does not run them.';

create table job_dedupe (
  name text not null,
  key text not null check (length(key) between 1 and 520),
  job_id text not null,
  input_hash text not null,
  first_at timestamptz not null default clock_timestamp(),
  until timestamptz not null,
  prune_after timestamptz not null,
  primary key (name, key)
);
comment on table job_dedupe is 'What was enqueued under a key, or with an id of the caller''s: within its window it is the same job, however long the finished one is kept.';
comment on column job_dedupe.input_hash is 'SHA-256 of the input that it was enqueued with, for as long as the key is known.';
comment on column job_dedupe.first_at is 'When the one that waits was enqueued: what is put off is put off from here.';
comment on column job_dedupe.prune_after is 'A minute after until, so that who has just moved it is seen. Looked at then: while its job waits or runs it is put off.';
create index job_dedupe_prune_after on job_dedupe (prune_after);

-- What is known of an earlier life goes: the job begins from its beginning.
create function forget_job(p_work_id text) returns void language sql set search_path from current as $$
  delete from job_attempt where work_id = p_work_id;
  delete from job_line where work_id = p_work_id;
  delete from job_step where work_id = p_work_id;
$$;

-- Lines that the handler of a job has logged. Its unit stays while they are written: those of one that is being removed go with it. The newest 1,000 are kept.
create function keep_job_lines(p_work_id text, p_attempt integer, p_levels text[], p_texts text[], p_fields text[])
returns void language plpgsql set search_path from current as $$
begin
  perform 1 from work w where w.id = p_work_id for key share;
  if not found then
    return;
  end if;
  insert into job_line (work_id, attempt, level, text, fields)
  select p_work_id, p_attempt, l.level, l.text, l.fields::json from unnest(p_levels, p_texts, p_fields) l (level, text, fields);
  delete from job_line d where d.work_id = p_work_id and d.id < (
    select l.id from job_line l where l.work_id = p_work_id order by l.id desc offset 999 limit 1);
end
$$;

create function forget_job_of() returns trigger language plpgsql set search_path from current as $$
begin
  perform forget_job(old.id);
  return null;
end
$$;
create trigger job_gone after delete on work for each row when (old.workflow = 'job') execute function forget_job_of();

-- Of those who enqueue at once for an actor who has a limit one counts at a time, until its transaction ends. One that goes on for longer holds up nobody for
-- more than half a second, which is less than a deadlock takes: then what it has not committed is not counted.
create function lock_actor_of_jobs(p_name text, p_actor text) returns void language plpgsql set search_path from current as $$
declare
  v_lock bigint := hashtextextended('tidemark actor ' || p_name || ' ' || p_actor, 0);
  v_timeout text := current_setting('lock_timeout');
begin
  if pg_try_advisory_xact_lock(v_lock) then
    return;
  end if;
  begin
    perform set_config('lock_timeout', '500ms', true);
    perform pg_advisory_xact_lock(v_lock);
    perform set_config('lock_timeout', v_timeout, true);
  exception when lock_not_available then
    null;
  end;
end
$$;

-- Adds a job. With an id of the caller's or a key it may be one that is there already:
--   created   a new one
--   ignored   one that is there; nothing was written
--   replaced  one that waits; it has this input now, and begins from its beginning
--   full      its actor has p_max_waiting that wait; nothing was written
-- What has been claimed has its input: for 'replace' and 'debounce' it is running, and what comes then is a new one.
create function add_job(
  p_name text, p_id text, p_input json default null, p_priority smallint default 0, p_not_before timestamptz default null,
  p_fairness_key text default null, p_key text default null, p_mode text default null, p_window interval default null,
  p_max_wait interval default null, p_max_waiting integer default null,
  p_actor text default null, p_correlation_id text default null, p_causation_id text default null, p_ordering_key text default null,
  out answer text, out id text
) language plpgsql set search_path from current as $$
declare
  v_now timestamptz := clock_timestamp();
  v_until timestamptz := v_now + coalesce(p_window, interval '0');
  v_not_before timestamptz := p_not_before;
  v_known job_dedupe;
  v_input_hash text;
  v_state text;
  v_had_begun boolean;
  v_turn timestamptz;
begin
  id := p_id;
  if p_mode = 'debounce' then
    v_not_before := v_now + p_window;
  end if;
  if p_key is not null then
    v_input_hash := encode(sha256(convert_to(coalesce(p_input, 'null')::text, 'utf8')), 'hex');
    loop
      insert into job_dedupe as d (name, key, job_id, input_hash, until, prune_after)
      values (p_name, p_key, p_id, v_input_hash, v_until, v_until + interval '1 minute')
      on conflict do nothing;
      exit when found;
      select * into v_known from job_dedupe d where d.name = p_name and d.key = p_key for update;
      exit when found;
    end loop;
  end if;
  if v_known.job_id is not null then
    -- Not locked: one that runs is to end while this transaction goes on.
    select w.state into v_state from work w where w.id = 'job/' || p_name || '/' || v_known.job_id;
    if p_mode = 'ignore' and (v_known.until > v_now or v_state in ('waiting', 'ready', 'claimed', 'started')) then
      answer := 'ignored';
      id := v_known.job_id;
      return;
    end if;
    if p_mode <> 'ignore' and v_state in ('waiting', 'ready') then
      if p_mode = 'debounce' then
        v_not_before := least(v_not_before, case when p_max_wait is not null then greatest(v_known.first_at + p_max_wait, v_now) end);
      end if;
      -- Where it has begun before it begins anew, in an epoch of its own: what was done for the earlier input is nothing to go on from.
      update work w set input = p_input, priority = p_priority, not_before = coalesce(v_not_before, w.not_before), actor = p_actor,
        correlation_id = p_correlation_id, causation_id = p_causation_id,
        epoch = case when w.epoch = w.first_epoch then w.epoch else nextval('work_epoch') end,
        attempt = 0, failures = 0, unended = 0, progress = null, error = null, begun_at = null, fairness_key = coalesce(p_fairness_key, '')
      where w.id = 'job/' || p_name || '/' || v_known.job_id and w.state in ('waiting', 'ready')
      returning w.epoch <> w.first_epoch into v_had_begun;
      -- It may have been claimed meanwhile.
      if found then
        if v_had_begun then
          perform forget_job('job/' || p_name || '/' || v_known.job_id);
        end if;
        answer := 'replaced';
        id := v_known.job_id;
        return;
      end if;
      v_not_before := case when p_mode = 'debounce' then v_now + p_window else p_not_before end;
    end if;
  end if;
  if p_max_waiting is not null and p_actor is not null then
    perform lock_actor_of_jobs(p_name, p_actor);
  end if;
  if p_max_waiting is not null and p_actor is not null and p_max_waiting <= (
    select count(*) from (
      select 1 from work w where w.group_name = p_name and w.actor = p_actor and w.workflow = 'job' and w.state in ('waiting', 'ready')
      limit p_max_waiting) n
  ) then
    if p_key is not null and v_known.job_id is null then
      delete from job_dedupe d where d.name = p_name and d.key = p_key;
    end if;
    answer := 'full';
    return;
  end if;
  if v_known.job_id is not null then
    update job_dedupe d set job_id = p_id, input_hash = v_input_hash, first_at = v_now, until = v_until, prune_after = v_until + interval '1 minute'
    where d.name = p_name and d.key = p_key;
  end if;
  if not exists (select 1 from work_group g where g.name = p_name) then
    insert into work_group (name) values (p_name) on conflict do nothing;
  end if;
  if v_not_before is null or v_not_before <= v_now then
    v_turn := coalesce(next_job_turn(p_name, coalesce(p_fairness_key, ''), p_priority), v_not_before, now());
    v_not_before := v_turn;
  end if;
  answer := case add_work('job/' || p_name || '/' || p_id, 'job', p_name, p_ordering_key, p_input => p_input, p_priority => p_priority, p_not_before => v_not_before,
    p_actor => p_actor, p_correlation_id => p_correlation_id, p_causation_id => p_causation_id, p_fairness_key => coalesce(p_fairness_key, ''), p_turn => v_turn)
    when 'added' then 'created' else 'ignored' end;
  -- One of that id had ended, and was still kept.
  if answer = 'created' and exists (
    select 1 from work w where w.id = 'job/' || p_name || '/' || p_id and w.epoch <> w.first_epoch) then
    perform forget_job('job/' || p_name || '/' || p_id);
  end if;
end
$$;

-- Whether it is as encodeURIComponent writes an id: each id has one such text, and none of Tidemark's lists stumbles over it.
create function is_job_id(p_id text) returns boolean immutable language plpgsql as $$
begin
  if p_id !~ '^([A-Za-z0-9_.!~*''()-]|%(0[1-9A-F]|1[0-9A-F]|2[02-6BCF]|3[A-F]|40|5[B-E]|60|7[BCDF]|[89A-F][0-9A-F]))+$' then
    return false;
  end if;
  if p_id ~ '%[89A-F]' then
    begin
      perform convert_from(decode(string_agg(case when c[1] like '\%%' then substr(c[1], 2) else to_hex(ascii(c[1])) end, '' order by n), 'hex'), 'utf8')
      from regexp_matches(p_id, '%..|.', 'g') with ordinality m (c, n);
    exception when character_not_in_repertoire then
      return false;
    end;
  end if;
  return true;
end
$$;

-- Enqueues a job that an application has defined: see add_job. For services that may do that and nothing else, in any language, so what they give is checked.
--   p_id     percent-encoded as encodeURIComponent does
--   p_input  as the job's schema takes it; what it refuses is dead at its first attempt
--   p_key    'key/' and a dedupe key; or 'id/' and p_id, with p_mode 'ignore': the id names this job for p_window, however long it is kept
create function enqueue_job(
  p_name text, p_id text, p_input json default null, p_priority smallint default 0, p_not_before timestamptz default null,
  p_fairness_key text default null, p_key text default null, p_mode text default null, p_window interval default null,
  p_max_wait interval default null, p_max_waiting integer default null,
  p_actor text default null, p_correlation_id text default null, p_causation_id text default null,
  out answer text, out id text
) language plpgsql set search_path from current as $$
declare
  v_wrong text;
begin
  v_wrong := case
    when p_name is null or p_name !~ '^[a-z0-9][a-z0-9._-]{0,99}$' then
      format('Job %L has no name that can be used: give [a-z0-9][a-z0-9._-]{0,99}', p_name)
    when p_id is null or not is_job_id(p_id) then
      format('The id %L of a job %L cannot be used: write it as encodeURIComponent does, all but A-Z a-z 0-9 - _ . ! ~ * '' ( ) percent-encoded', left(p_id, 60), p_name)
    -- A time that finds its job there would add none.
    when p_id like '%\%2F%' and p_id ~ '^[a-z0-9][a-z0-9._-]*%2F(\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\dZ|triggered%2F[\w-]+)$' then
      format('The id %L cannot be used: ids of that form are those of schedules'' jobs', left(p_id, 60))
    when octet_length('job/' || p_name || '/' || p_id) > 500 then
      format('The id %L of a job cannot be used: job/<name>/<id> is at most 500 bytes', left(p_id, 60))
    when octet_length(p_input::text) > 262144 then
      format('The input of a job is %s bytes; the limit is 262144. Write it to a table and give its id', octet_length(p_input::text))
    when p_priority not between -100 and 100 then format('priority %s cannot be used: give -100 to 100', p_priority)
    when not isfinite(p_not_before) then format('p_not_before %s cannot be used: give a time', p_not_before)
    when length(p_fairness_key) > 200 then format('A fairness key of %s characters cannot be used: give at most 200', length(p_fairness_key))
    when greatest(length(p_actor), length(p_correlation_id), length(p_causation_id)) > 500 then
      'p_actor, p_correlation_id or p_causation_id is too long: give at most 500 characters of each'
    when p_key is null and (p_mode is not null or p_window is not null or p_max_wait is not null) then
      'p_mode without p_key says nothing, nor do p_window and p_max_wait: give p_key'
    when p_key is null then null
    when not (p_key like 'key/_%' and length(p_key) <= 504 or p_key = 'id/' || p_id and p_mode is not distinct from 'ignore') then
      format('p_key %L cannot be used: give ''key/'' and 1 to 500 characters, or ''id/'' and the id with p_mode ''ignore''', left(p_key, 60))
    when p_mode is null or p_mode not in ('ignore', 'replace', 'debounce') then
      format('p_mode %L cannot be used: give ignore, replace or debounce', p_mode)
    when p_mode = 'debounce' and p_window is null then 'p_mode ''debounce'' needs p_window'
    when p_window not between interval '1 millisecond' and interval '366 days' then
      format('p_window %s cannot be used: give 1 ms to 366 days', p_window)
    when p_max_wait not between interval '1 millisecond' and interval '366 days' then
      format('p_max_wait %s cannot be used: give 1 ms to 366 days', p_max_wait)
  end;
  if v_wrong is not null then
    raise exception '%.', v_wrong using errcode = 'invalid_parameter_value';
  end if;
  if p_name in ('collect-garbage', 'on-dead') then
    raise exception 'Job ''%'' is one of Tidemark''s own: it is not enqueued.', p_name using errcode = 'insufficient_privilege';
  end if;
  if exists (select 1 from subscription s where s.name = p_name) or exists (select 1 from logs l where l.type = p_name) then
    raise exception '''%'' is a subscription or a log type: no job has its name.', p_name using errcode = 'insufficient_privilege';
  end if;
  select a.answer, a.id into answer, id from add_job(
    p_name, p_id, p_input, p_priority, p_not_before, p_fairness_key, p_key, p_mode, p_window, p_max_wait, p_max_waiting,
    p_actor, p_correlation_id, p_causation_id) a;
end
$$;

-- An attempt of a job has failed, whether or not there is another.
create function keep_failed_attempt() returns trigger language plpgsql set search_path from current as $$
begin
  insert into job_attempt (work_id, attempt, begun_at, error) values (new.id, new.attempt, new.begun_at, new.error);
  return null;
end
$$;
create trigger job_attempt_failed after update of failures, state on work
  for each row when (new.workflow = 'job' and new.error is not null and (new.failures > old.failures or new.state = 'dead' and old.state <> 'dead'))
  execute function keep_failed_attempt();

-- A job has ended: whoever subscribes to that is told, in the same transaction. Written as text, so that its result arrives as it is kept: its nulls, and what
-- no text of Postgres holds.
create function publish_job_end() returns trigger language plpgsql set search_path from current as $$
declare
  v_topic text := case new.state when 'done' then 'job.completed' else 'job.failed' end;
begin
  if exists (select 1 from subscription s where s.topic = v_topic and s.enabled) then
    perform publish_message(v_topic,
      ('{' || concat_ws(', ',
        '"name": ' || to_json(new.group_name), '"id": ' || to_json(substr(new.id, length('job/' || new.group_name || '/') + 1)),
        '"actor": ' || to_json(new.actor), '"attempts": ' || new.attempt, '"result": ' || new.result,
        case when new.state = 'dead' then
          '"error": ' || json_build_object('code', new.error ->> 'code', 'message', new.error ->> 'message') end) || '}')::json,
      p_actor => new.actor, p_correlation_id => new.correlation_id, p_causation_id => new.id);
  end if;
  return null;
end
$$;
-- Not of Tidemark's own: nobody has asked for them, and a subscriber that fails at being told of a death would be told of that for ever.
create trigger job_ended after update of state on work
  for each row when (new.workflow = 'job' and new.state in ('done', 'dead') and old.state <> new.state and new.group_name not in ('collect-garbage', 'on-dead'))
  execute function publish_job_end();

-- Cancels a job wherever it is; a running attempt changes nothing from here on. The state that it had; null: it had ended, or there is none.
create function cancel_job(p_work_id text) returns text language plpgsql set search_path from current as $$
declare
  v_state text;
  v_group text;
  v_key text;
begin
  select w.group_name, w.ordering_key into v_group, v_key from work w where w.id = p_work_id and w.workflow = 'job';
  if v_key is not null then
    perform lock_work_key(v_group, v_key);
  end if;
  select w.state into v_state from work w
  where w.id = p_work_id and w.workflow = 'job' and w.state in ('waiting', 'ready', 'claimed', 'started') for update;
  if not found then
    return null;
  end if;
  update work w set state = 'cancelled', finished_at = clock_timestamp(), fence = null, burst_id = null, check_after = null, lease_until = null
  where w.id = p_work_id;
  if v_key is not null then
    perform advance_work_key(v_group, v_key);
  end if;
  return v_state;
end
$$;

-- Claims one job for a process that carries out what it enqueues itself, under the lock of all claims, so that caps and rates hold. In a new epoch: what
-- has been started for an earlier one finds nothing to begin. Its execution, 'inline/<token>', is none of Temporal's: a sweep finds it gone once
-- hold_job has not been called for a minute.
--   claimed  it is to be begun in this epoch
--   later    its time has not come: it has after wait_ms
--   busy     another has it, or its group has no place
--   paused   its group is
--   ended    it has, or there is none
create function claim_job(p_work_id text, p_token uuid, p_lease interval, out answer text, out epoch bigint, out wait_ms integer)
language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  v work;
  v_group work_group;
  v_now timestamptz;
begin
  perform 1 from installation for update;
  v_now := clock_timestamp();
  select * into v from work w where w.id = p_work_id and w.workflow = 'job' for update;
  if not found or v.state not in ('ready', 'claimed', 'started') then
    answer := 'ended';
    return;
  end if;
  select * into v_group from work_group g where g.name = v.group_name;
  answer := 'busy';
  if v.state = 'started' then
    if v.execution not like 'inline/%' or v.check_after >= v_now then
      return;
    end if;
    update work w set state = 'ready', epoch = nextval('work_epoch'), fence = null, check_after = null, checks = 0 where w.id = p_work_id;
  elsif v.state = 'claimed' and v.lease_until >= v_now then
    return;
  elsif v.not_before > v_now then
    answer := 'later';
    wait_ms := ceil(extract(epoch from v.not_before - v_now) * 1000);
    return;
  end if;
  if v_group.paused then
    answer := 'paused';
    return;
  end if;
  if v.state = 'ready' and not work_group_has_room(v.group_name) or v_group.rate_units is not null and not take_rate(v.group_name) then
    return;
  end if;
  answer := 'claimed';
  epoch := nextval('work_epoch');
  update work w set state = 'claimed', epoch = claim_job.epoch, claim_token = p_token, lease_until = v_now + p_lease, burst_id = null,
    execution = 'inline/' || p_token
  where w.id = p_work_id;
end
$$;

-- The process that claimed it is alive, whatever its handler does.
create function hold_job(p_work_id text, p_token uuid) returns void language sql set search_path from current as $$
  update work set check_after = clock_timestamp() + interval '1 minute', checks = 0
  where id = p_work_id and state = 'started' and execution = 'inline/' || p_token
$$;

-- Jobs of these names that nobody has, and have not been begun for p_age: of a process that died, or redriven. Those of names that are paused, full or over their
-- rate cannot begin, and hide no others.
create function jobs_left(p_names text[], p_age interval, p_limit integer) returns setof text language sql set search_path from current as $$
  with open as materialized (
    select g.name, g.cap is null or g.cap > (select count(*) from work w where w.group_name = g.name and w.state in ('claimed', 'started')) as has_room
    from work_group g
    where g.name = any (p_names) and not g.paused and (g.rate_units is null or rate_left(g, clock_timestamp()) >= 1)
  )
  select l.id from (
    select w.id, w.priority, w.not_before from open o join work w on w.group_name = o.name
    where o.has_room and w.state = 'ready' and w.workflow = 'job' and w.not_before <= clock_timestamp() - p_age
    union all
    select w.id, w.priority, w.not_before from open o join work w on w.group_name = o.name
    where w.state in ('claimed', 'started') and w.workflow = 'job'
      and case when w.state = 'claimed' then w.lease_until < clock_timestamp()
        else w.execution like 'inline/%' and w.check_after < clock_timestamp() end
  ) l
  order by l.priority, l.not_before, l.id limit p_limit
$$;

-- A step of the attempt that holds the fence has finished. False: another attempt has taken over.
create function finish_step(p_work_id text, p_epoch bigint, p_attempt integer, p_fence uuid, p_name text, p_result json)
returns boolean language plpgsql set search_path from current as $$
begin
  update work w set unended = 1, check_after = clock_timestamp() + interval '1 minute', checks = 0
  where w.id = p_work_id and w.epoch = p_epoch and w.attempt = p_attempt and w.fence = p_fence and w.state = 'started';
  if not found then
    return false;
  end if;
  insert into job_step (work_id, name, result) values (p_work_id, p_name, p_result);
  return true;
end
$$;

-- Dead units beyond the newest keep_dead of their group that ended more than a minute ago, and keys whose window is over. At most p_limit of each.
create function prune_jobs(p_limit integer) returns bigint language plpgsql set search_path from current as $$
declare
  v_count bigint;
  v_before timestamptz := clock_timestamp() - interval '1 minute';
begin
  with old as (
    select o.id from work_group g
    cross join lateral (
      select count(*) as units from (
        select 1 from work w where w.group_name = g.name and w.state = 'dead' and w.finished_at >= v_before limit g.keep_dead) y
    ) young
    cross join lateral (
      select w.id from work w where w.group_name = g.name and w.state = 'dead' and w.finished_at < v_before
      order by w.finished_at desc offset g.keep_dead - young.units limit p_limit
    ) o where g.keep_dead is not null limit p_limit
  ), locked as (
    select w.id from work w join old o on o.id = w.id where w.state = 'dead' for update of w skip locked
  ), pruned as (
    delete from work w using locked l where w.id = l.id returning w.group_name, w.state, w.created_at, w.finished_at
  ), tallied as (
    insert into work_tally as t (minute, group_name, state, bucket, units)
    select date_trunc('minute', p.finished_at), p.group_name, p.state, duration_bucket(p.created_at, p.finished_at), count(*)
    from pruned p where p.finished_at > clock_timestamp() - interval '1 day'
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
    on conflict (minute, group_name, state, bucket, part) do update set units = t.units + excluded.units
  )
  select count(*) into v_count from pruned;
  perform prune_schedule_firings(p_limit);
  with due as materialized (
    select d.name, d.key, d.job_id from job_dedupe d where d.prune_after < statement_timestamp()
    order by d.prune_after limit p_limit for update skip locked
  ), live as materialized (
    select d.name, d.key from due d join work w on w.id = 'job/' || d.name || '/' || d.job_id and w.state in ('waiting', 'ready', 'claimed', 'started')
  ), put_off as (
    update job_dedupe d set prune_after = clock_timestamp() + interval '10 minutes' from live l where d.name = l.name and d.key = l.key
  )
  delete from job_dedupe d using due u
  where d.name = u.name and d.key = u.key and not exists (select 1 from live l where l.name = d.name and l.key = d.key);
  return v_count;
end
$$;

insert into workflow_name (name) values ('job') on conflict (name) do nothing;

-- An enqueuer may enqueue and nothing else: it runs as its owner, so that enqueueing needs no right to any table.
do $$
declare
  item record;
begin
  execute format('grant usage on schema %I to tidemark_enqueuer', current_schema());
  for item in
    select p.oid::regprocedure as signature from pg_proc p where p.pronamespace = current_schema()::regnamespace and p.proname = 'enqueue_job'
  loop
    execute format('alter function %s security definer', item.signature);
    execute format('revoke execute on function %s from public', item.signature);
    execute format('grant execute on function %s to tidemark_app, tidemark_enqueuer', item.signature);
  end loop;
end
$$;

call settle_privileges();
