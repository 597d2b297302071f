-- What is looked at: units newest first, dead ones by their error, and how many ended when. docs/decisions/0024-what-ended-is-tallied-when-it-goes.md

-- A page of the newest units, of all groups or of one.
create index work_created on work (group_name, created_at, id);
-- The same of ends that are rare: among millions that are done they would be looked for one by one. Counted from here too.
create index work_given_up on work (group_name, state, created_at, id) where state in ('dead', 'cancelled', 'expired');

-- What has failed, by the text of its error: what succeeds is never in it, a unit that is done has no error.
create index work_failed on work (group_name, created_at, id) where error is not null;

-- ---------------------------------------------------------------------------------------------------------------
-- Errors that are the same but for what they name
-- ---------------------------------------------------------------------------------------------------------------

-- The message of an error without what differs from unit to unit: quoted text, addresses, paths, and every word with a digit in it (numbers, ids, hashes, times).
-- A list of these counts as one.
create function error_template(p_message text) returns text immutable parallel safe language sql as $$
  select btrim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
    lower(left(p_message, 2000)),
    $re$(?<!\w)('[^']*'|"[^"]*"|`[^`]*`)$re$, '*', 'g'),
    $re$\w+://\S+|\S+@\S+|(?<![^\s(])/[^\s,;()]+$re$, '*', 'g'),
    $re$[^\s,;()\[\]{}<>=]*\d[^\s,;()\[\]{}<>=]*$re$, '*', 'g'),
    $re$\*([,;]? *(and )?\*)+$re$, '*', 'g'),
    $re$\s+$re$, ' ', 'g'))
$$;

create function error_fingerprint(p_error json) returns text immutable parallel safe language sql set search_path from current as $$
  select substr(md5(coalesce(p_error ->> 'code', 'unknown') || ' ' || error_template(coalesce(p_error ->> 'message', ''))), 1, 12)
$$;

alter table work add column error_fingerprint text;
comment on column work.error_fingerprint is 'While dead: the same for errors that differ only in what they name.';
create index work_dead_error on work (error_fingerprint, finished_at, group_name) where state = 'dead';

-- However it became dead, whatever its error says, and also when an erasure takes that away.
create function set_error_fingerprint() returns trigger language plpgsql set search_path from current as $$
begin
  new.error := readable_error(new.error);
  new.error_fingerprint := case when new.state = 'dead' then error_fingerprint(new.error) end;
  return new;
end
$$;
create trigger work_fingerprint_added before insert on work
  for each row when (new.state = 'dead') execute function set_error_fingerprint();
create trigger work_fingerprint before update of state, error on work
  for each row when (new.state = 'dead' or old.error_fingerprint is not null) execute function set_error_fingerprint();

-- ---------------------------------------------------------------------------------------------------------------
-- How many ended when. What ended and is still in `work` is counted there; what leaves it, or begins a new life, is added here in the same
-- transaction: each end counts once, and an ending unit writes nothing more than before.
-- ---------------------------------------------------------------------------------------------------------------

create table work_tally (
  minute timestamptz not null,
  group_name text not null,
  state text not null check (state in ('done', 'dead')),
  bucket smallint not null,
  part bigint not null default 0,
  units integer not null check (units > 0),
  primary key (minute, group_name, state, bucket, part)
);
comment on table work_tally is 'Ends of units that are not in work any more, of the last day.';
comment on column work_tally.bucket is 'Of the time from being asked for to the end: see duration_bucket.';
comment on column work_tally.part is '0: counted together when they were pruned. Else the epoch of the one life that ended so: whoever redrives many waits for nobody.';

-- Bucket b holds durations over 2^((b-1)/4) and up to 2^(b/4) milliseconds: within a tenth of its middle.
create function duration_bucket(p_from timestamptz, p_to timestamptz) returns smallint immutable parallel safe language sql as $$
  select ceil(4 * ln(greatest(date_part('epoch', p_to - p_from) * 1000, 1)) / ln(2::float8))::smallint
$$;

create function tally_past_end() returns trigger language plpgsql set search_path from current as $$
begin
  if old.finished_at > clock_timestamp() - interval '1 day' then
    insert into work_tally (minute, group_name, state, bucket, part, units)
    values (date_trunc('minute', old.finished_at), old.group_name, old.state, duration_bucket(old.created_at, old.finished_at), old.epoch, 1)
    on conflict do nothing;
  end if;
  return null;
end
$$;
create trigger work_past_end after update of state on work
  for each row when (old.state in ('done', 'dead') and new.state <> old.state) execute function tally_past_end();

-- ---------------------------------------------------------------------------------------------------------------
-- Whoever is to know of a unit that became dead is told by a unit of its own, added in the same transaction.
-- ---------------------------------------------------------------------------------------------------------------

create table on_dead (
  singleton boolean primary key default true check (singleton),
  is_told boolean not null default false
);
comment on table on_dead is 'One row: whether somebody is told. Where, the workers know: an address may hold a secret.';
insert into on_dead default values;

-- What the error says stays where an erasure finds it.
create function tell_of_death() returns trigger language plpgsql set search_path from current as $$
begin
  if (select is_told from on_dead) then
    insert into work_group (name, cap) values ('on-dead', 4) on conflict (name) do nothing;
    perform add_work('job/on-dead/' || new.epoch, 'job', 'on-dead', p_correlation_id => new.correlation_id, p_causation_id => new.id,
      p_input => json_build_object(
        'workId', new.id, 'epoch', new.epoch::text, 'workflow', new.workflow, 'group', new.group_name,
        'logId', new.log_id, 'sequenceId', new.sequence_id::text, 'code', coalesce(new.error ->> 'code', 'unknown'),
        'fingerprint', new.error_fingerprint, 'attempts', new.attempt, 'execution', new.execution, 'diedAt', new.finished_at));
  end if;
  return null;
end
$$;
-- Never of its own failures.
create trigger work_died after update of state on work
  for each row when (new.state = 'dead' and old.state <> 'dead' and new.group_name <> 'on-dead') execute function tell_of_death();

call settle_privileges();
