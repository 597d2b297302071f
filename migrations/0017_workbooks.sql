-- Workbooks: named sets of tables, each with a source that its records are downloaded from. The records of a download are in a sheet that is made for it,
-- and that its table shows from the moment on at which the download is done.

create table workbook (
  id text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
  title text check (length(title) between 1 and 200),
  actor text,
  created_at timestamptz not null default now()
);

create table workbook_table (
  workbook_id text not null references workbook (id) on delete cascade,
  id text not null check (id ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
  place integer not null,
  source json not null check (json_typeof(source) = 'object' and octet_length(source::text) <= 65536),
  columns text[] check (cardinality(columns) > 0),
  sheet text,
  versions integer not null default 0,
  primary key (workbook_id, id)
);
comment on column workbook_table.source is 'Kind and options. Holds no secret: it names the environment variable of the workers that does.';
comment on column workbook_table.columns is 'Those to take, in this order. Null: all, as they come.';
comment on column workbook_table.sheet is 'The log that its records are in. Null: nothing has been downloaded yet.';
comment on column workbook_table.versions is 'Sheets that have been made for it: each has the next number.';

create table workbook_sheet (
  sheet text primary key,
  workbook_id text not null,
  table_id text not null,
  version integer not null,
  work_id text not null,
  records bigint not null default 0,
  columns text[] not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  shown_at timestamptz,
  ended_at timestamptz,
  removed_at timestamptz
);
comment on table workbook_sheet is 'Sheets of downloads: those being written, the one that each table shows, and those that wait to be removed.';
comment on column workbook_sheet.work_id is 'The unit that writes it.';
comment on column workbook_sheet.columns is 'Of its header row, in their order.';
comment on column workbook_sheet.shown_at is 'Its table shows it from here. Null: it is not whole, and no list of logs has it.';
comment on column workbook_sheet.ended_at is 'Another one is shown in its place, or it will never be whole.';
comment on column workbook_sheet.removed_at is 'Its log is gone. What is left of its blobs goes with the next collection.';
create index workbook_sheet_hidden on workbook_sheet (created_at) where shown_at is null or ended_at is not null;

-- Rows at the end of a sheet that is being written, counted, and columns that are new: a round trip of a page's transaction. False: the sheet is gone.
create function append_records(
  p_sheet text, p_types text[], p_data text[], p_columns text[], p_records integer, p_actor text, p_causation_id text
) returns boolean language plpgsql set search_path from current as $$
begin
  update workbook_sheet s set records = s.records + p_records, columns = s.columns || p_columns
  where s.sheet = p_sheet and s.removed_at is null;
  return found and (cardinality(p_types) = 0 or exists (
    select 1 from append_entries(p_sheet, null, p_types, p_data, p_actor => p_actor, p_causation_id => p_causation_id) a where a.status = 'appended'));
end
$$;

-- The tables of these sheets show them, all at once. Of two downloads that ran side by side the one that began later is what is shown: sheets that have come
-- too late for that are returned.
create function show_sheets(p_sheets text[]) returns setof text language plpgsql set search_path from current as $$
begin
  -- One download after the other: each sees what the one before it has made its tables show.
  perform 1 from workbook_table t join workbook_sheet s on s.workbook_id = t.workbook_id and s.table_id = t.id
  where s.sheet = any (p_sheets) order by t.workbook_id, t.id for update of t;
  update workbook_sheet o set ended_at = clock_timestamp()
  from workbook_table t join workbook_sheet s on s.sheet = any (p_sheets) and s.workbook_id = t.workbook_id and s.table_id = t.id
  where o.sheet = t.sheet and o.version < s.version and o.ended_at is null;
  update workbook_table t set sheet = s.sheet
  from workbook_sheet s
  where s.sheet = any (p_sheets) and s.workbook_id = t.workbook_id and s.table_id = t.id
    and not exists (select 1 from workbook_sheet o where o.sheet = t.sheet and o.version > s.version);
  update workbook_sheet s set shown_at = clock_timestamp(),
    ended_at = case when exists (select 1 from workbook_table t where t.sheet = s.sheet) then null else clock_timestamp() end
  where s.sheet = any (p_sheets);
  return query select s.sheet from workbook_sheet s where s.sheet = any (p_sheets) and s.ended_at is not null;
end
$$;

-- A sheet that nobody will see any more: replaced, given up, or of a download that has ended without it (one that is dead may be redriven, and goes on with it).
create function sheets_to_remove(p_grace interval, p_limit integer) returns setof text language sql stable set search_path from current as $$
  select s.sheet from workbook_sheet s
  where (s.shown_at is null or s.ended_at is not null) and s.created_at < clock_timestamp() - p_grace
    and case
      when s.removed_at is not null then s.removed_at < clock_timestamp() - p_grace
      when s.ended_at is not null then s.ended_at < clock_timestamp() - p_grace
      else not exists (
        select 1 from work w where w.id = s.work_id
          and (w.state not in ('done', 'cancelled', 'expired') or w.finished_at >= clock_timestamp() - p_grace))
    end
  order by s.created_at limit p_limit
$$;

call settle_privileges();
