-- The application's own tables. Tidemark keeps its own in a schema of its own.
create table subscriber (
  id bigint generated always as identity primary key,
  -- One address, not a list of them.
  email text not null unique check (email ~ '^[^@\s,;<>]+@[^@\s,;<>]+$'),
  unsubscribed_at timestamptz
);
create table issue (
  id bigint generated always as identity primary key,
  subject text not null,
  text text not null,
  -- Ready to go out.
  approved_at timestamptz,
  -- Its audience is what it was then.
  frozen_at timestamptz
);
create table issue_recipient (
  issue_id bigint not null references issue,
  subscriber_id bigint not null references subscriber,
  -- As it was when the audience was frozen.
  email text not null,
  -- sending: somebody is at it, or died at it. unknown: it may have been sent; it is not sent again.
  state text not null default 'waiting' check (state in ('waiting', 'sending', 'sent', 'unknown', 'refused', 'unsubscribed')),
  reason text,
  changed_at timestamptz not null default now(),
  primary key (issue_id, subscriber_id)
);
create index issue_recipient_state on issue_recipient (issue_id, state, subscriber_id);
