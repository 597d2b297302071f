-- Blobs, for installations that keep them in Postgres and not in a folder. A blob is a row under its path; its content is in chunks beside it,
-- under an id of that one writing: a write puts new chunks there and moves the row over, so nobody ever sees parts of two writings.
-- Directories have no rows: there is one where a blob is below it.

create sequence blob_content;

create table blob (
  directory text[] collate "C" not null,
  name text collate "C" not null,
  content_id bigint not null,
  size bigint not null check (size >= 0),
  primary key (directory, name)
);
comment on table blob is 'One blob. directory: the names from the root down to it, {} for the root. Compared by code points, so that what is below one stands together.';
comment on column blob.size is 'Bytes, of all chunks together.';

create table blob_chunk (
  content_id bigint not null default nextval('blob_content'),
  place integer not null check (place >= 0),
  data bytea not null,
  primary key (content_id, place)
);
comment on table blob_chunk is 'Content in pieces, from place 0. Never updated. Goes with the row of blob that names it.';
-- Snapshots are compressed already: trying again costs time and saves nothing.
alter table blob_chunk alter column data set storage external;

-- Also for rows that a person removes by hand.
create function remove_blob_content() returns trigger language plpgsql set search_path from current set enable_seqscan = off as $$
begin
  delete from blob_chunk c where c.content_id = old.content_id;
  return null;
end
$$;
create trigger blob_content_gone after delete or update of content_id on blob for each row execute function remove_blob_content();

-- What keeps p_path from being a directory: the blob that it is, or that is above it. null: nothing.
create function blob_above(p_path text[]) returns text[] stable language plpgsql set search_path from current set enable_seqscan = off as $$
begin
  for v_depth in 1 .. cardinality(p_path) loop
    if exists (select from blob b where b.directory = p_path[:v_depth - 1] and b.name = p_path[v_depth]) then
      return p_path[:v_depth];
    end if;
  end loop;
  return null;
end
$$;

-- What keeps p_path from being a blob, once there is none above it: blobs below it.
create function is_blob_directory(p_path text[]) returns boolean stable language plpgsql set search_path from current set enable_seqscan = off as $$
declare
  v_next text[];
begin
  select b.directory into v_next from blob b where b.directory >= p_path order by b.directory limit 1;
  return coalesce(v_next[:cardinality(p_path)] = p_path, false);
end
$$;

-- Puts content in place: p_data, all of it, or the chunks that this transaction has added as p_content_id. A refusal is an answer, with what stands
-- in the way ('blob' or 'directory'), and changes nothing.
--
-- Who writes a/b/c shares a lock on the paths a and a/b, as directories, and holds one alone on a/b/c, as a blob. So of one that writes a/b and one
-- that writes a/b/c, one waits until the other has committed, and then sees it; writers of different blobs never wait. Everybody goes down from the
-- root and never back up: no two wait for each other. Removing takes no lock: it can only clear the way.
create function write_blob(
  p_directory text[], p_name text, p_size bigint, p_content_id bigint, p_data bytea, out obstacle text[], out obstacle_kind text
) language plpgsql set search_path from current set enable_seqscan = off as $$
declare
  v_seed bigint := hashtextextended(current_schema()::text, 0);
  v_content_id bigint := p_content_id;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- With a snapshot from before the locks, the look below would see what was.
    raise exception 'blobs are written at isolation level read committed, and this transaction is %', current_setting('transaction_isolation')
      using errcode = 'invalid_transaction_state', hint = 'Set default_transaction_isolation = ''read committed'' for this role.';
  end if;
  for v_depth in 1 .. cardinality(p_directory) loop
    perform pg_advisory_xact_lock_shared(hash_array_extended(p_directory[:v_depth], v_seed));
  end loop;
  perform pg_advisory_xact_lock(hash_array_extended(p_directory || p_name, v_seed));

  obstacle := blob_above(p_directory);
  if obstacle is not null then
    obstacle_kind := 'blob';
    return;
  end if;
  if is_blob_directory(p_directory || p_name) then
    obstacle := p_directory || p_name;
    obstacle_kind := 'directory';
    return;
  end if;

  if p_data is not null then
    insert into blob_chunk (place, data) values (0, p_data) returning content_id into v_content_id;
  end if;
  insert into blob (directory, name, content_id, size) values (p_directory, p_name, v_content_id, p_size)
  on conflict (directory, name) do update set content_id = excluded.content_id, size = excluded.size;
end
$$;

call settle_privileges();
