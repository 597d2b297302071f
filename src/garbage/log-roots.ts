/**
 * What refers to blobs of a log, and all that it refers to in turn.
 *
 * Roots are named by rows: snapshots and histories by entries, manifests by the progress of units that have not ended (a dead one may be redriven). What a
 * root refers to never changes, because blobs do not, so only roots that are new have to be looked into again.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { BlobNotFoundError, CorruptBlobError, TidemarkError } from '../errors.ts';
import type { AnyLogType } from '../event-log/log-type.ts';
import { historyReferences } from '../history/history-references.ts';
import type { Database, Queryable } from '../postgres/queryable.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';

export interface Root {
  kind: 'snapshot' | 'history';
  name: string;
  /** That it is not there is no fault: an attempt, or a reader, does without. */
  optional?: boolean;
}

export interface ReferenceOptions {
  blobs: BlobDir;
  logType: Pick<AnyLogType, 'snapshots'>;
  cache?: SnapshotCache | undefined;
  signal?: AbortSignal | undefined;
}

/** Newest first. @param without sequence ids of entries whose snapshot does not count */
export async function readRoots(
  db: Pick<Database, 'schema'> & Queryable,
  logId: string,
  without: ReadonlySet<string> = new Set(),
): Promise<Root[]> {
  const { rows } = await db.query(
    `select 'snapshot' as kind, e.snapshot as name, false as optional, e.sequence_id
     from ${db.schema}.entries e where e.log_id = $1::text and e.snapshot is not null
     union all
     select 'history', e.history, false, e.sequence_id from ${db.schema}.entries e where e.log_id = $1::text and e.history is not null
     union all
     select p.kind, p.name, true, null
     from ${db.schema}.work w
     cross join lateral (values ('snapshot', w.progress ->> 'blobId'), ('history', w.progress ->> 'history')) p (kind, name)
     where w.log_id = $1::text and w.workflow in ('snapshot', 'compact', 'erase') and w.state in ('waiting', 'ready', 'claimed', 'started', 'dead') and p.name is not null
     order by sequence_id desc nulls last`,
    [logId],
  );
  return rows
    .filter((row) => row.kind !== 'snapshot' || !without.has(row.sequence_id))
    .map(({ kind, name, optional }) => ({ kind, name, optional }));
}

/**
 * Calls `onName` with the name of each root and of what it refers to, some more than once.
 * @returns why it is not all, one line for each root that cannot be looked into. An optional one that is not there is left out.
 */
export async function visitReferences(
  roots: Iterable<Root>,
  options: ReferenceOptions,
  onName: (name: string, optional: boolean) => void,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { kind, name, optional = false } of roots) {
    options.signal?.throwIfAborted();
    if (!optional) {
      onName(name, optional);
    }
    try {
      for await (const reference of referencesOf(kind, name, options)) {
        onName(reference, optional);
      }
      onName(name, optional);
    } catch (error) {
      if (optional && error instanceof BlobNotFoundError) {
        continue;
      }
      // Anything else is of the store or the database, and may go away.
      if (
        !(error instanceof BlobNotFoundError || error instanceof CorruptBlobError || (error instanceof TidemarkError && !error.retryable))
      ) {
        throw error;
      }
      problems.push(`${kind} ${name}: ${error.message}`);
    }
  }
  return problems;
}

function referencesOf(kind: Root['kind'], name: string, { blobs, logType, cache, signal }: ReferenceOptions): AsyncIterable<string> {
  if (kind === 'history') {
    return historyReferences(blobs, name);
  }
  const { references } = logType.snapshots;
  if (references === undefined) {
    throw new TidemarkError('no_references', 'Its log type does not say what its snapshots refer to.');
  }
  return references.call(logType.snapshots, blobs, name, { cache, signal });
}
