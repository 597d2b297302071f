-- The application's own tables. Tidemark keeps its own in a schema of its own.
create table customer_order (
  id bigint primary key,
  customer text not null,
  total_cents bigint not null,
  placed_on date not null,
  archived_at timestamptz
);
create table customer (
  id text primary key,
  name text not null,
  updated_at timestamptz not null
);
-- How far the copy of `customer` is: one row.
create table customer_mark (
  is_only boolean primary key default true check (is_only),
  updated_at timestamptz not null,
  id text not null
);
create table accountant (name text primary key);
