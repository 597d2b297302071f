/**
 * Collects the blobs of one log: lets go of snapshots that it does not keep, finds what refers to blobs, marks the rest, and removes what has been
 * marked for the grace period. Memory holds the names that something refers to, and a page of those that are there.
 *
 * Where what a root refers to cannot be found out (a missing or corrupt manifest, an unknown format), nothing of the log is marked or removed, and it says
 * why. A name that is referred to and not there is looked for once more before it counts as missing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobDir } from '../blob-store/blob-store.ts';
import { BlobNotFoundError } from '../errors.ts';
import type { AnyLogType } from '../event-log/log-type.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { archivedToKeep, dropSnapshots, snapshotsToDrop } from './choose-snapshots.ts';
import { type ReferenceOptions, type Root, readRoots, visitReferences } from './log-roots.ts';
import { countRemovable, markGarbage } from './mark-garbage.ts';
import { type RemoveOptions, removeMarked } from './remove-marked.ts';
import { createRetention, type RetentionPolicy } from './retention.ts';

export interface CollectLogOptions {
  pool: Pool;
  schema: string;
  logId: string;
  blobs: BlobDir;
  logType: AnyLogType;
  retention: RetentionPolicy;
  /** How long a blob stays after nothing refers to it any more. */
  graceMs: number;
  /** The attempt that collects, where it is one of a unit of this log: it is in nobody's way but a later attempt's. */
  unit?: RemoveOptions['unit'];
  /** Changes nothing, and says what would be. */
  dryRun?: boolean | undefined;
  /** How long a log is waited for while its blobs are being written, before it is left for the next time. */
  patienceMs?: number | undefined;
  /** How long a collector that was stopped in the middle holds up writers. Default 30,000. */
  sessionTimeoutMs?: number | undefined;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((blobs: number) => void | Promise<void>) | undefined;
}

export interface LogCollection {
  /** Snapshots let go of. */
  snapshots: number;
  /** Blobs that were there. */
  blobs: number;
  removed: number;
  /** Nothing refers to them, and they are not removed yet. */
  waiting: number;
  /** Referred to and not there. */
  missing: string[];
  /** Why nothing of it was marked or removed. */
  problems: string[];
  /** Something was writing blobs all the time: what is left of it waits for the next collection. */
  postponed: boolean;
}

const DEFAULT_PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 50;

export async function collectLog(options: CollectLogOptions): Promise<LogCollection> {
  const { pool, schema, logId, blobs, logType, graceMs, dryRun = false, cache, signal } = options;
  const db = inSchema(pool, schema);
  const references: ReferenceOptions = { blobs, logType, cache, signal };
  const collection: LogCollection = { snapshots: 0, blobs: 0, removed: 0, waiting: 0, missing: [], problems: [], postponed: false };

  const dropped = new Set<string>();
  const isKept = createRetention(options.retention, new Date());
  for await (const page of snapshotsToDrop(db, logId, isKept)) {
    for (const sequenceId of page) {
      dropped.add(sequenceId);
    }
  }

  const roots = await readRoots(db, logId, dropped);
  const isFound = new Map<string, boolean>();
  // What only an optional root refers to is kept, and is not missing where it is not there.
  const onName = (name: string, optional: boolean) => isFound.set(name, optional && (isFound.get(name) ?? true));
  collection.problems = await visitReferences(roots, references, onName);
  const history = roots.find(({ kind, optional }) => kind === 'history' && !optional);
  if (history !== undefined && collection.problems.length === 0) {
    for await (const name of archivedToKeep(blobs, history.name, isKept)) {
      const archived: Root = { kind: 'snapshot', name, optional: true };
      collection.problems.push(...(await visitReferences([archived], references, onName)));
    }
  }
  const changes = !dryRun && collection.problems.length === 0;
  // Only where those that stay can be read: an older snapshot stands in for one that cannot.
  collection.snapshots = changes ? await dropSnapshots(db, logId, [...dropped]) : dropped.size;

  for await (const names of namesIn(blobs)) {
    signal?.throwIfAborted();
    const unreferenced: string[] = [];
    const referenced: string[] = [];
    for (const name of names) {
      (isFound.has(name) ? referenced : unreferenced).push(name);
    }
    for (const name of referenced) {
      isFound.set(name, true);
    }
    collection.blobs += names.length;
    collection.waiting += unreferenced.length;
    if (changes) {
      await markGarbage(db, logId, { referenced, unreferenced });
    } else if (dryRun && collection.problems.length === 0) {
      collection.removed += await countRemovable(db, logId, unreferenced, graceMs);
    }
    await options.onProgress?.(names.length);
  }

  // A blob of a directory below is not listed.
  const notFound = [...isFound].filter(([name, found]) => !found && !name.includes('/')).map(([name]) => name);
  collection.missing = await stillMissing(notFound, options, references, dropped);
  if (dryRun) {
    collection.waiting -= collection.removed;
  } else if (changes) {
    // What an attempt was about to write may not have been there to be looked into.
    const knownRoots = new Set(roots.filter((root) => !root.optional).map((root) => root.name));
    await removeAll(options, collection, { references, referenced: isFound, knownRoots });
  }
  return collection;
}

async function* namesIn(blobs: BlobDir): AsyncGenerator<string[], void, undefined> {
  let continuation: string | undefined;
  do {
    const page = await blobs.query(continuation);
    if (page.blobs.length > 0) {
      yield page.blobs;
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
}

/** Those that are not there when asked for by name either, while something still refers to them. */
async function stillMissing(
  names: readonly string[],
  { pool, schema, logId, blobs }: CollectLogOptions,
  references: ReferenceOptions,
  dropped: ReadonlySet<string>,
): Promise<string[]> {
  const missing = new Set<string>();
  for (const name of names) {
    try {
      await blobs.readBlob(name);
    } catch (error) {
      if (!(error instanceof BlobNotFoundError)) {
        throw error;
      }
      missing.add(name);
    }
  }
  if (missing.size === 0) {
    return [];
  }
  const referenced = new Set<string>();
  const now = await readRoots(inSchema(pool, schema), logId, dropped);
  await visitReferences(now, references, (name) => missing.has(name) && referenced.add(name));
  return [...referenced].sort();
}

async function removeAll(
  { pool, schema, logId, blobs, graceMs, unit, patienceMs = DEFAULT_PATIENCE_MS, sessionTimeoutMs, signal, onProgress }: CollectLogOptions,
  collection: LogCollection,
  known: Pick<RemoveOptions, 'references' | 'referenced' | 'knownRoots'>,
): Promise<void> {
  let lastRemovalAt = Date.now();
  for (;;) {
    signal?.throwIfAborted();
    const batch = await removeMarked({ pool, schema, logId, blobs, graceMs, ...known, unit, sessionTimeoutMs, signal });
    if (batch.type === 'busy') {
      if (Date.now() - lastRemovalAt > patienceMs) {
        collection.postponed = true;
        return;
      }
      await delay(LOOK_AGAIN_MS, undefined, { signal });
      continue;
    }
    lastRemovalAt = Date.now();
    collection.problems.push(...batch.problems);
    if (batch.removed + batch.kept === 0) {
      return;
    }
    collection.removed += batch.removed;
    collection.waiting = Math.max(collection.waiting - batch.removed - batch.kept, 0);
    await onProgress?.(batch.removed);
  }
}
