/**
 * Removes blobs that have been garbage for the grace period, a batch at a time: their marks say so first (`removing_since`, committed), then a
 * transaction holds the marks locked while the blobs go, and takes them off with its commit.
 *
 * - Whoever writes one of these names meanwhile waits for the lock, and writes after it is gone.
 * - A log that something may be writing blobs of (`writes_blobs`) is left alone: what such an attempt has written, nothing refers to yet. For a unit of the
 *   log itself, that is anything beside it, and its being taken over.
 * - What refers to blobs is asked for once more behind that look: roots that are new since the marks were made are looked into.
 * - A collector that was stopped in the middle loses its session after 30 s, and with it the locks. It removes nothing more: it asks its session and its
 *   clock before every few blobs. Of what it had asked the store for nobody knows: until that is over nobody writes those names.
 *
 * Interrupted anywhere: what is removed and still marked is removed once more, which is nothing.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { UnavailableError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { inTransaction } from '../postgres/transaction.ts';
import { runSideBySide } from '../snapshots/side-by-side.ts';
import type { Unit } from '../work/unit.ts';
import { REMOVAL_HOLD_MS } from './blobs-to-write.ts';
import { type ReferenceOptions, type Root, readRoots, visitReferences } from './log-roots.ts';

export interface RemoveOptions {
  pool: Pool;
  schema: string;
  logId: string;
  blobs: BlobDir;
  graceMs: number;
  references: ReferenceOptions;
  /** What roots that are known refer to. Another collection, with older news, may have marked some of it since. */
  referenced: ReadonlyMap<string, unknown>;
  /** Names of those roots, which need not be looked into again. */
  knownRoots: ReadonlySet<string>;
  /** The attempt that removes them, where it is one of a unit of this log. */
  unit?: Pick<Unit, 'id' | 'epoch' | 'attempt' | 'fence'> | undefined;
  /** How long a collector that was stopped keeps writers of these names waiting. Default 30,000. */
  sessionTimeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** 'busy': something may be writing blobs of this log. `kept`: referred to again. `problems`: why nothing was removed. */
export type RemovedBatch = { type: 'busy' } | { type: 'removed'; removed: number; kept: number; problems: string[] };

/** A writer that wants one of them waits for all: some hundred milliseconds. */
const BATCH = 200;
const SIDE_BY_SIDE = 8;
/** Of a batch. Well below the time for which its names are held (see blobs-to-write.ts), less the deadline of a call to the store. */
const MAX_REMOVAL_MS = 30_000;
/** Of which the session is asked whether it is still there. */
const REMOVED_PER_LOOK = 16;
const DEFAULT_SESSION_TIMEOUT_MS = 30_000;

export async function removeMarked(options: RemoveOptions): Promise<RemovedBatch> {
  const {
    pool,
    schema,
    logId,
    blobs,
    graceMs,
    references,
    referenced,
    knownRoots,
    unit,
    sessionTimeoutMs = DEFAULT_SESSION_TIMEOUT_MS,
    signal,
  } = options;
  const startedAt = Date.now();
  const attempt = [unit?.id ?? null, unit?.epoch ?? null, unit?.attempt ?? null, unit?.fence ?? null];
  const announced = await announceRemoval(inSchema(pool, schema), logId, graceMs, attempt);
  if (announced === 'busy') {
    return { type: 'busy' };
  }
  if (announced.names.length === 0) {
    return { type: 'removed', removed: 0, kept: 0, problems: [] };
  }
  return inTransaction(pool, async (client): Promise<RemovedBatch> => {
    const db = inSchema(client, schema);
    await db.query(`select set_config('idle_in_transaction_session_timeout', $1::text, true)`, [String(sessionTimeoutMs)]);
    // Without those that have been written meanwhile.
    const { rows } = await db.query(
      `select name from ${db.schema}.blob_garbage where log_id = $1::text and name = any ($2::text[]) order by name for update skip locked`,
      [logId, announced.names],
    );
    const names: string[] = rows.map((row) => row.name);
    const giveUp = () =>
      db.query(
        `update ${db.schema}.blob_garbage set removing_since = null
         where log_id = $1::text and name = any ($2::text[]) and removing_since = $3::timestamptz`,
        [logId, names, announced.at],
      );
    // In this order: who begins after this look sees the marks, who has ended before it has its roots seen.
    const busy = await db.query(`select ${db.schema}.writes_blobs($1::text, $2::text, $3::bigint, $4::integer, $5::uuid) as busy`, [
      logId,
      ...attempt,
    ]);
    if (busy.rows[0].busy) {
      await giveUp();
      return { type: 'busy' };
    }
    const garbage = new Set(names.filter((name) => !referenced.has(name)));
    const newRoots = (await readRoots(db, logId)).filter((root: Root) => !knownRoots.has(root.name));
    const problems = await visitReferences(newRoots, references, (name) => garbage.delete(name));
    if (problems.length > 0) {
      await giveUp();
      return { type: 'removed', removed: 0, kept: 0, problems };
    }
    const removable = [...garbage];
    for (let at = 0; at < removable.length; at += REMOVED_PER_LOOK) {
      signal?.throwIfAborted();
      if (Date.now() - startedAt > MAX_REMOVAL_MS) {
        throw new UnavailableError(
          `Removing ${removable.length} blobs of '${logId}' took more than ${MAX_REMOVAL_MS} ms. Is the blob store slow?`,
        );
      }
      await db.query('select 1');
      await runSideBySide(removable.slice(at, at + REMOVED_PER_LOOK), { width: SIDE_BY_SIDE }, (name) => blobs.removeBlob(name));
    }
    await db.query(`delete from ${db.schema}.blob_garbage where log_id = $1::text and name = any ($2::text[])`, [logId, names]);
    return { type: 'removed', removed: removable.length, kept: names.length - removable.length, problems };
  });
}

/**
 * Committed before anything is removed. What another removal has announced is left alone until that cannot take effect any more: its process may
 * have been stopped in the middle, and go on. The log is looked at before that too: names of one that is busy would be held for nothing.
 */
async function announceRemoval(
  db: Database,
  logId: string,
  graceMs: number,
  attempt: unknown[],
): Promise<{ names: string[]; at: string | undefined } | 'busy'> {
  const { rows } = await db.query(
    `with due as materialized (
       select name from ${db.schema}.blob_garbage
       where log_id = $1::text and since <= clock_timestamp() - $2::float8 * interval '1 millisecond'
         and (removing_since is null or removing_since <= clock_timestamp() - $7::integer * interval '1 millisecond')
       order by name limit ${BATCH} for update skip locked
     ), look as materialized (
       select ${db.schema}.writes_blobs($1::text, $3::text, $4::bigint, $5::integer, $6::uuid) as busy
     ), announced as (
       update ${db.schema}.blob_garbage g set removing_since = statement_timestamp()
       from due, look where g.log_id = $1::text and g.name = due.name and not look.busy
     )
     select due.name, look.busy, statement_timestamp()::text as at from due, look`,
    [logId, graceMs, ...attempt, REMOVAL_HOLD_MS],
  );
  return rows[0]?.busy ? 'busy' : { names: rows.map((row) => row.name), at: rows[0]?.at };
}
