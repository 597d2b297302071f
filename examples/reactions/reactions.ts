/**
 * Users, posts, votes and comments are written by whatever writes them: another service, a person with psql, a migration. What follows is done by workers of
 * row changes, which `tidemark cdc` reads from the write-ahead log. Nobody has to remember to publish anything.
 *
 * The changes of one row come one after another, in the order of their commits. What a handler writes through `db` commits with the end of its delivery: each
 * vote counts once, whatever died meanwhile. The other service is told at least once, and in order, so its last word on a user is the newest.
 */
import { type ChangeDefinition, onChange } from 'tidemark';

interface User {
  id: number;
  email: string;
  name: string;
}
interface Post {
  id: number;
  author_id: number;
  title: string;
  body: string;
}
interface Vote {
  post_id: number;
  user_id: number;
  author_id: number;
  value: number;
}
interface Comment {
  id: number;
  post_id: number;
  author_id: number;
  body: string;
}

const TIMEOUT_MS = 5_000;

/** @param syncUrl of the service that keeps a copy of the users: PUT and DELETE /<id> */
export function reactions(syncUrl: string): ChangeDefinition[] {
  const sync = onChange<User>('user', { subscription: 'user-sync' }, async ({ op, key, after }, { signal, idempotencyKey }) => {
    const response = await fetch(`${syncUrl}/${key.id}`, {
      method: op === 'd' ? 'DELETE' : 'PUT',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      ...(after ? { body: JSON.stringify({ email: after.email, name: after.name }) } : {}),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The other service answered ${response.status}.`);
  });

  // All of the row, also where an update has left a long body alone.
  const index = onChange<Post>('post', { subscription: 'post-index', before: 'row' }, async ({ key, after }, { db }) => {
    if (after === null) {
      await db.query('delete from post_index where post_id = $1', [key.id]);
      return;
    }
    await db.query(
      `insert into post_index (post_id, words) values ($1, to_tsvector('simple', $2 || ' ' || $3))
       on conflict (post_id) do update set words = excluded.words`,
      [after.id, after.title, after.body],
    );
  });

  const notify = onChange<Comment>('comment', { subscription: 'comment-notifications', ops: ['insert'] }, async ({ after }, { db }) => {
    if (after === null) return;
    // To the author of the post, if that is still there; nobody hears of their own.
    await db.query(
      `insert into notification (comment_id, user_id, text)
       select $1, p.author_id, u.name || ' on ' || p.title from post p join "user" u on u.id = $3 where p.id = $2 and p.author_id <> $3
       on conflict (comment_id) do nothing`,
      [after.id, after.post_id, after.author_id],
    );
  });

  // The vote as it was is needed to take it back.
  const reputation = onChange<Vote>('vote', { subscription: 'vote-reputation', before: 'row' }, async ({ before, after }, { db }) => {
    const difference = (after?.value ?? 0) - (before?.value ?? 0);
    await db.query(
      `insert into reputation as r (user_id, points) values ($1, $2) on conflict (user_id) do update set points = r.points + excluded.points`,
      [after?.author_id ?? before?.author_id, difference],
    );
  });

  return [sync, index, notify, reputation] as ChangeDefinition[];
}
