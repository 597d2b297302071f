-- The application's own tables. Tidemark keeps its own in a schema of its own.
create table app_user (
  id text primary key,
  email text not null,
  name text not null,
  welcomed_at timestamptz,
  welcome_message_id text
);
create table shipment (
  order_id text primary key,
  notify_url text not null,
  notified_at timestamptz
);
create table image (
  id text primary key,
  original text not null,
  thumbnail text,
  width integer,
  height integer
);
