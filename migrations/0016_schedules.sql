-- Schedules: when jobs begin by the clock. Temporal says when; what a schedule has fired is here, and each firing adds at most one job.

create table schedule (
  name text primary key,
  created_at timestamptz not null default clock_timestamp()
);
comment on table schedule is 'Schedules of this installation that Temporal has, or is about to have. Locked by whoever fires one.';

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
--   exists    this firing had added it before
--   skipped   overlap 'skip': an earlier job of this schedule waits or runs; p_work_id is that one's
--   missed    p_latest has passed
--   full      the actor of its jobs has p_max_waiting that wait: nothing was written, fire it again later
--   removed   there is no such schedule (any more): nothing was written
-- With p_again a firing that was skipped or missed is tried again.
create function fire_schedule(
  p_schedule text, p_firing text, p_due_at timestamptz, p_job text, p_id text, p_input json, p_overlap text,
  p_latest timestamptz default null, p_jitter interval default null, p_again boolean default false, p_max_waiting integer default null,
  p_actor text default null, out answer text, out work_id text
) language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
  v_known schedule_firing;
  v_not_before timestamptz;
begin
  perform from schedule s where s.name = p_schedule for update;
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
    -- The same for each attempt: between its time and the jitter after it.
    v_not_before := p_due_at + p_jitter * ((hashtextextended(p_schedule || '/' || p_firing, 0) & 1048575) / 1048576.0);
    select e.answer into answer from add_job(
      p_job, p_id, p_input, p_not_before => v_not_before, p_max_waiting => p_max_waiting, p_actor => p_actor,
      p_causation_id => 'schedule/' || p_schedule,
      p_ordering_key => case when p_overlap = 'buffer' then 'schedule/' || p_schedule end) e;
    if answer = 'full' then
      return;
    end if;
    answer := 'created';
    work_id := 'job/' || p_job || '/' || p_id;
  end if;
  insert into schedule_firing as f (schedule, firing, due_at, answer, work_id) values (p_schedule, p_firing, p_due_at, answer, work_id)
  on conflict (schedule, firing) do update set fired_at = clock_timestamp(), answer = excluded.answer, work_id = excluded.work_id;
end
$$;

-- Beyond the newest 1,000 of their schedule, and older than 7 days. At most p_limit of each schedule.
create function prune_schedule_firings(p_limit integer) returns void language sql set search_path from current as $$
  delete from schedule_firing f using schedule s cross join lateral (
    select o.firing from schedule_firing o where o.schedule = s.name order by o.due_at desc offset 1000 limit p_limit
  ) old
  where f.schedule = s.name and f.firing = old.firing and f.fired_at < clock_timestamp() - interval '7 days';
$$;

call settle_privileges();
