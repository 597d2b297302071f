-- Schedules: when jobs begin by the clock. Temporal says when; what a schedule has fired is here, and each firing adds at most one job.

create table schedule (
  name text primary key,
  created_at timestamptz not null default clock_timestamp(),
  paused boolean not null default false,
  note text,
  described json,
  pruned_from timestamptz,
  pruned_to timestamptz,
  removed_at timestamptz
);
comment on table schedule is 'Schedules of this installation that Temporal has, has had, or is about to have. Locked by whoever fires one.';
comment on column schedule.paused is 'As Temporal had it when we last looked: what is made again is made so, because a pause is a person''s decision.';
comment on column schedule.note is 'What was said when it was paused or resumed.';
comment on column schedule.described is 'As Temporal described it after we had last written it: what differs from that, somebody else has changed.';
comment on column schedule.pruned_from is 'The first time of it that had its job and is not in schedule_firing any more.';
comment on column schedule.pruned_to is 'The last such time.';
comment on column schedule.removed_at is 'It fires nothing since: no application names it. Its firings stay, and whether it was paused.';

create table schedule_firing (
  schedule text not null references schedule (name) on delete cascade,
  firing text not null,
  due_at timestamptz not null,
  fired_at timestamptz not null default clock_timestamp(),
  answer text not null check (answer in ('created', 'skipped', 'missed')),
  work_id text,
  primary key (schedule, firing)
);
comment on table schedule_firing is 'What a schedule has fired: the newest 1,000, and all of the last 7 days.';
comment on column schedule_firing.firing is 'The time that it was due, or triggered/<id> of one by hand.';
comment on column schedule_firing.answer is 'created: it added a job. skipped: an earlier job of the schedule still waited or ran. missed: it came too late.';
comment on column schedule_firing.work_id is 'Of the job that it added, or that it was skipped for.';
create index schedule_firing_due on schedule_firing (schedule, due_at desc);
create index schedule_firing_created on schedule_firing (schedule, fired_at desc) where answer = 'created';

-- A schedule fires: adds the job `job/<p_job>/<p_id>`, once for each firing.
--   created   added now
--   exists    this firing had added it before, or there is a job of that id
--   skipped   overlap 'skip': an earlier job of this schedule waits or runs; p_work_id is that one's
--   missed    p_latest has passed
--   full      the actor of its jobs has p_max_waiting that wait: nothing was written, fire it again later
--   removed   there is no such schedule (any more): nothing was written
--   forgotten p_again, of a time so long ago that nobody knows whether it had its job: nothing was written
-- With p_again a firing that was skipped or missed is tried again.
create function fire_schedule(
  p_schedule text, p_firing text, p_due_at timestamptz, p_job text, p_id text, p_input json, p_overlap text,
  p_latest timestamptz default null, p_jitter interval default null, p_again boolean default false, p_max_waiting integer default null,
  p_actor text default null, out answer text, out work_id text
) language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  v_schedule schedule;
  v_known schedule_firing;
  v_not_before timestamptz;
begin
  select * into v_schedule from schedule s where s.name = p_schedule and s.removed_at is null for update;
  if not found then
    answer := 'removed';
    return;
  end if;
  select * into v_known from schedule_firing f where f.schedule = p_schedule and f.firing = p_firing;
  if found and (v_known.answer = 'created' or not p_again) then
    answer := case v_known.answer when 'created' then 'exists' else v_known.answer end;
    work_id := v_known.work_id;
    return;
  end if;
  if p_again and v_known.firing is null and p_due_at between v_schedule.pruned_from and v_schedule.pruned_to then
    answer := 'forgotten';
    return;
  end if;
  if p_latest < clock_timestamp() then
    answer := 'missed';
  elsif p_overlap = 'skip' then
    select w.id into work_id from (
      select f.work_id from schedule_firing f where f.schedule = p_schedule and f.answer = 'created' order by f.fired_at desc limit 1000
    ) f join work w on w.id = f.work_id
    where w.state in ('waiting', 'ready', 'claimed', 'started') limit 1;
    if found then
      answer := 'skipped';
    end if;
  end if;
  if answer is null then
    work_id := 'job/' || p_job || '/' || p_id;
    -- One that has ended would be brought back: it is its redrive that runs it again.
    if exists (select from work w where w.id = work_id) then
      answer := 'exists';
    else
      -- The same for each attempt: between its time and the jitter after it.
      v_not_before := p_due_at + p_jitter * ((hashtextextended(p_schedule || '/' || p_firing, 0) & 1048575) / 1048576.0);
      select case e.answer when 'ignored' then 'exists' else e.answer end into answer from add_job(
        p_job, p_id, p_input, p_not_before => v_not_before, p_max_waiting => p_max_waiting, p_actor => p_actor,
        p_causation_id => 'schedule/' || p_schedule,
        p_ordering_key => case when p_overlap = 'buffer' then 'schedule/' || p_schedule end) e;
      if answer = 'full' then
        work_id := null;
        return;
      end if;
    end if;
  end if;
  insert into schedule_firing as f (schedule, firing, due_at, answer, work_id)
  values (p_schedule, p_firing, p_due_at, case answer when 'exists' then 'created' else answer end, work_id)
  on conflict (schedule, firing) do update set fired_at = clock_timestamp(), answer = excluded.answer, work_id = excluded.work_id;
end
$$;

-- Beyond the newest 1,000 of their schedule, and older than 7 days. At most p_limit of each schedule; between which times it had jobs stays known. One
-- that fires just now is for the next time: schedule before firing is the order of locks.
create function prune_schedule_firings(p_limit integer) returns void language sql set search_path from current as $$
  with old as materialized (
    select s.name, o.firing from schedule s cross join lateral (
      select f.firing, f.fired_at from schedule_firing f where f.schedule = s.name order by f.due_at desc offset 1000 limit p_limit
    ) o where o.fired_at < clock_timestamp() - interval '7 days'
  ), locked as materialized (
    select s.name from schedule s where s.name in (select name from old) order by s.name for update skip locked
  ), pruned as (
    delete from schedule_firing f using old o join locked l on l.name = o.name where f.schedule = o.name and f.firing = o.firing
    returning f.schedule, f.firing, f.due_at, f.answer
  )
  update schedule s set pruned_from = least(s.pruned_from, p.first), pruned_to = greatest(s.pruned_to, p.last)
  from (
    select schedule, min(due_at) as first, max(due_at) as last from pruned where answer = 'created' and firing not like 'triggered/%' group by 1
  ) p
  where s.name = p.schedule;
$$;

call settle_privileges();
