-- What people write.
create table "user" (id integer primary key, email text not null, name text not null);
create table post (id integer primary key, author_id integer not null references "user", title text not null, body text not null);
-- Whose reputation it is about is kept with the vote: when its deletion is handled, the post may be gone.
create table vote (
  post_id integer not null,
  user_id integer not null references "user",
  author_id integer not null references "user",
  value integer not null check (value in (-1, 1)),
  primary key (post_id, user_id)
);
create table comment (id integer primary key, post_id integer not null, author_id integer not null references "user", body text not null);

-- What follows from it.
create table reputation (user_id integer primary key, points integer not null);
create table post_index (post_id integer primary key, words tsvector not null);
create table notification (comment_id integer primary key, user_id integer not null, text text not null);
