import type { Database } from '../postgres/queryable.ts';

const POLL_MS = 200;

/** Hints whenever the log's end or metadata may have moved, by a poll. An unreachable database is no hint, and no error. */
export function subscribeToLog(db: Database, logId: string, onChange: () => void): () => void {
  let known: string | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout;
  const poll = async () => {
    try {
      const { rows } = await db.query(
        `select l.first_sequence_id || '/' || l.next_sequence_id || '/' || coalesce((
           select max(e.sequence_id) from ${db.schema}.entries e where e.log_id = l.id and e.snapshot is not null), -1) as seen
         from ${db.schema}.logs l where l.id = $1::text`,
        [logId],
      );
      const seen = rows[0]?.seen;
      if (!stopped && seen !== undefined && seen !== known) {
        onChange();
      }
      known = seen ?? known;
    } catch {
      // The next poll asks again.
    }
    if (!stopped) {
      timer = setTimeout(poll, POLL_MS);
      timer.unref();
    }
  };
  timer = setTimeout(poll, 0);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
