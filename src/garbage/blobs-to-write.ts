/**
 * Where the attempt of a unit writes its blobs.
 *
 * A name that is marked as garbage loses its mark before it is written: that waits for whoever is removing this very blob, which is then written anew. An
 * attempt that began where its log had no garbage asks for nothing: what is marked while it runs is not removed before it has ended (`writes_blobs`).
 * The mark is asked for by its key and not remembered in advance: a log that is written to all the time has a day's worth of them.
 */
import type { BlobDir, BlobStore } from '../blob-store/blob-store.ts';
import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { delegateTo } from '../blob-store/delegate.ts';
import { UnavailableError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Unit } from '../work/unit.ts';

/** How long a removal whose process has vanished may still take effect: more than it may take (see remove-marked.ts) and a call to the store. */
export const REMOVAL_HOLD_MS = 90_000;

/** @param unit of a log entry. @returns the directory of its log */
export async function blobsToWrite(
  db: Database,
  blobs: BlobStore,
  { entry, hasGarbage }: Pick<Unit, 'entry' | 'hasGarbage'>,
): Promise<BlobDir> {
  const { logId } = entry as NonNullable<Unit['entry']>;
  const dir = await blobsOfLog(blobs, logId);
  return hasGarbage ? unmarking(dir, db, logId) : dir;
}

function unmarking(dir: BlobDir, db: Database, logId: string): BlobDir {
  return delegateTo(dir, {
    async writeBlob(name, content) {
      const { rows } = await db.prepared(
        `select ${db.schema}.unmark_blob($1::text, $2::text, $3::integer * interval '1 millisecond') as unmarked`,
        [logId, name, REMOVAL_HOLD_MS],
      );
      if (!rows[0].unmarked) {
        throw new UnavailableError(
          `Blob '${logId}/${name}' was being removed by a process that has vanished: it is written when that is over.`,
        );
      }
      await dir.writeBlob(name, content);
    },
  });
}
