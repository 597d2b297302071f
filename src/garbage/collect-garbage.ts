/**
 * Goes through all logs in the order of their ids and collects each: one log at a time, a page of logs in memory. Where it was is told after each log, so
 * that a later attempt goes on behind it. A log that cannot be collected is named in the report and holds up no other.
 */
import type { BlobStore } from '../blob-store/blob-store.ts';
import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { errorMessage, FencedError, LogNotFoundError } from '../errors.ts';
import type { AnyLogType } from '../event-log/log-type.ts';
import { DEFAULT_RETENTION } from '../event-log/retention-settings.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { createSnapshotCache, type SnapshotCache } from '../snapshots/cache.ts';
import { removeSheets } from '../workbooks/remove-sheets.ts';
import { type CollectLogOptions, collectLog, type LogCollection } from './collect-log.ts';

const DEFAULT_GRACE_MS = 24 * 3_600_000;

/** What a collection has done. Lists hold the first twenty. */
export interface GarbageReport {
  logs: number;
  /** Snapshots that logs have let go of. */
  snapshots: number;
  /** Blobs that were there. */
  blobs: number;
  removed: number;
  /** Garbage that is not removed yet: younger than the grace period, or of a log that is named below. */
  waiting: number;
  /** Drafts of writes that a crash had left behind. */
  leftovers: number;
  /** Referred to and not there: data is lost. As `<log>/<blob>`. */
  missing: { count: number; names: string[] };
  /** Logs whose blobs were being written all the time; they are looked at again by the next collection. */
  postponed: { count: number; logs: string[] };
  /** Logs of which nothing was removed, with the reason. */
  skipped: { count: number; logs: { log: string; reason: string }[] };
}

/** Where to go on. */
export interface GarbageProgress {
  /** The last log that is done. */
  after?: string | undefined;
  report: GarbageReport;
  /** The one that is under way, where it takes its time, and how many of its blobs have been looked at. */
  current?: { log: string; blobs: number } | undefined;
}

export interface CollectGarbageOptions extends Pick<CollectLogOptions, 'dryRun' | 'patienceMs' | 'signal'> {
  pool: Pool;
  schema: string;
  blobs: BlobStore;
  logTypes: ReadonlyMap<string, AnyLogType>;
  /** These logs only; default: all. */
  logs?: readonly string[] | undefined;
  graceMs?: number | undefined;
  cacheBytes?: number | undefined;
  resume?: GarbageProgress | undefined;
  /** After each log, and while a large one is under way. */
  onProgress?: ((progress: GarbageProgress) => void | Promise<void>) | undefined;
}

const PAGE = 100;
const LISTED = 20;
const MAX_REASON = 500;
/** A log with very many blobs shows that it goes on. */
const PROGRESS_EVERY_MS = 2_000;

interface StoredLog {
  id: string;
  type: string;
  keep_snapshots: number | null;
  keep_days: number | null;
}

/** @throws LogNotFoundError for one of `logs`; what the database throws, and the blob store where no log at all could be collected */
export async function collectGarbage(options: CollectGarbageOptions): Promise<GarbageReport> {
  const { pool, schema, blobs, logs, dryRun, resume, signal, onProgress } = options;
  const db = inSchema(pool, schema);
  const cache = createSnapshotCache(options.cacheBytes === undefined ? {} : { maxBytes: options.cacheBytes });
  const report = resume?.report ?? emptyReport();
  const failures: unknown[] = [];
  let after = resume?.after;
  await refuseUnknown(db, logs);
  if (!dryRun && logs === undefined && resume === undefined) {
    await removeSheets({ db, blobs, graceMs: options.graceMs ?? DEFAULT_GRACE_MS, signal });
  }

  for await (const log of storedLogs(db, logs, after)) {
    signal?.throwIfAborted();
    let looked = 0;
    let saidAt = Date.now();
    const collection = await collectOne(log, options, cache, async (count) => {
      looked += count;
      if (Date.now() - saidAt > PROGRESS_EVERY_MS) {
        saidAt = Date.now();
        await onProgress?.({ after, report, current: { log: log.id, blobs: looked } });
      }
    }).catch((error: unknown) => {
      // Of one log, it keeps no other from being collected.
      signal?.throwIfAborted();
      if (error instanceof FencedError) throw error;
      failures.push(error);
      return { skipped: errorMessage(error).slice(0, MAX_REASON) };
    });
    addTo(report, log.id, collection);
    after = log.id;
    await onProgress?.({ after, report });
  }
  if (failures.length > 0 && failures.length === report.logs) {
    throw failures[0];
  }
  if (!dryRun && logs === undefined) {
    report.leftovers += (await blobs.removeLeftovers?.()) ?? 0;
  }
  return report;
}

type OneCollection = LogCollection | { skipped: string };

async function collectOne(
  { id, type, keep_snapshots: keepSnapshots, keep_days: keepDays }: StoredLog,
  { pool, schema, blobs, logTypes, graceMs = DEFAULT_GRACE_MS, dryRun, patienceMs, signal }: CollectGarbageOptions,
  cache: SnapshotCache,
  onProgress: (blobs: number) => Promise<void>,
): Promise<OneCollection> {
  const logType = logTypes.get(type);
  if (logType === undefined) {
    return { skipped: `its log type '${type}' is not one of this application` };
  }
  if (logType.snapshots.references === undefined) {
    return { skipped: `the snapshots of log type '${type}' do not say what they refer to: give its SnapshotFormat references()` };
  }
  return collectLog({
    pool,
    schema,
    logId: id,
    blobs: await blobsOfLog(blobs, id),
    logType,
    retention: {
      keepSnapshots: keepSnapshots ?? DEFAULT_RETENTION.keepSnapshots,
      keepDays: keepDays ?? DEFAULT_RETENTION.keepDays,
    },
    graceMs,
    dryRun,
    patienceMs,
    cache,
    signal,
    onProgress,
  });
}

async function* storedLogs(db: Database, ids: readonly string[] | undefined, from: string | undefined): AsyncGenerator<StoredLog> {
  for (let after = from; ; ) {
    const { rows }: { rows: StoredLog[] } = await db.query(
      `select id, type, keep_snapshots, keep_days from ${db.schema}.logs
       where ($1::text is null or id > $1::text) and ($2::text[] is null or id = any ($2::text[])) order by id limit ${PAGE}`,
      [after ?? null, ids ?? null],
    );
    yield* rows;
    if (rows.length < PAGE) {
      return;
    }
    after = rows.at(-1)?.id;
  }
}

async function refuseUnknown(db: Database, ids: readonly string[] = []): Promise<void> {
  const { rows } = await db.query(`select id from unnest($1::text[]) id where id not in (select l.id from ${db.schema}.logs l) limit 1`, [
    ids,
  ]);
  if (rows[0]) {
    throw new LogNotFoundError(rows[0].id);
  }
}

function emptyReport(): GarbageReport {
  return {
    logs: 0,
    snapshots: 0,
    blobs: 0,
    removed: 0,
    waiting: 0,
    leftovers: 0,
    missing: { count: 0, names: [] },
    postponed: { count: 0, logs: [] },
    skipped: { count: 0, logs: [] },
  };
}

function addTo(report: GarbageReport, log: string, collection: OneCollection): void {
  report.logs += 1;
  if ('skipped' in collection) {
    note(report.skipped, report.skipped.logs, { log, reason: collection.skipped });
    return;
  }
  report.snapshots += collection.snapshots;
  report.blobs += collection.blobs;
  report.removed += collection.removed;
  report.waiting += collection.waiting;
  for (const name of collection.missing) {
    note(report.missing, report.missing.names, `${log}/${name}`);
  }
  const [problem] = collection.problems;
  if (problem !== undefined) {
    note(report.skipped, report.skipped.logs, { log, reason: problem.slice(0, MAX_REASON) });
  }
  if (collection.postponed) {
    note(report.postponed, report.postponed.logs, log);
  }
}

function note<T>(counted: { count: number }, listed: T[], item: T): void {
  counted.count += 1;
  if (listed.length < LISTED) {
    listed.push(item);
  }
}
