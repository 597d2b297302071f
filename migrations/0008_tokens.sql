-- Who may ask the server: tokens, and the sessions that browsers exchange them for. Neither secret is here, only its SHA-256: both are 256 random bits, so
-- there is nothing to guess and no need for a slow hash.

create table token (
  id text primary key check (id ~ '^[a-z0-9]{12}$'),
  name text not null check (length(name) between 1 and 100),
  hash bytea not null check (length(hash) = 32),
  scopes text[] not null check (scopes <@ array['read', 'write', 'publish', 'jobs', 'admin'] and cardinality(scopes) > 0),
  log_prefixes text[] check (cardinality(log_prefixes) > 0),         -- null: all logs
  actor text not null,                                               -- kept with what its bearer writes
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,                                            -- null: never
  revoked_at timestamptz,
  last_used_at timestamptz                                           -- at most a minute old
);
-- A name says which one to revoke; that of a revoked one may be used again.
create unique index token_name on token (name) where revoked_at is null;

create table session (
  hash bytea primary key check (length(hash) = 32),
  token_id text not null references token (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
);
create index session_token on session (token_id);
create index session_expires_at on session (expires_at);

call settle_privileges();
