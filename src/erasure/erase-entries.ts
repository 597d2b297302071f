/**
 * Takes values out of the entries that a log holds in Postgres, page by page. Each page is a transaction of its own: the log is locked for
 * milliseconds, and what is done stays done. A page that somebody else has changed or truncated meanwhile is read again.
 */
import { createHash } from 'node:crypto';
import { SequenceRangeError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { Eraser } from '../event-log/log-type.ts';
import { readLog } from '../event-log/read-log.ts';
import { storedEntriesInPostgres } from '../history/read-stored-entries.ts';
import type { StoredEntry } from '../history/stored-entry.ts';
import type { Database } from '../postgres/queryable.ts';
import { eraseStored } from './erase-stored.ts';

export interface EraseEntriesOptions {
  db: Database;
  logId: string;
  /** Exclusive. */
  to: SequenceId;
  eraser: Eraser;
  signal?: AbortSignal | undefined;
  /** After each page: entries looked at, and how many there are. */
  onProgress?: ((entries: number, total: number) => Promise<void>) | undefined;
}

/** @returns entries that had values. @throws LogNotFoundError */
export async function eraseHeldEntries({ db, logId, to, eraser, signal, onProgress }: EraseEntriesOptions): Promise<number> {
  const read = storedEntriesInPostgres(db, logId);
  const { firstSequenceId: first } = await readLog(db, logId);
  let erased = 0;
  for (let position = first; position < to; ) {
    signal?.throwIfAborted();
    let page: StoredEntry[];
    try {
      page = await read(position, to);
    } catch (error) {
      if (!(error instanceof SequenceRangeError && error.startSequenceId > position)) {
        throw error;
      }
      position = error.startSequenceId;
      continue;
    }
    const found = page.flatMap((entry, index) => {
      const sequenceId = position + BigInt(index);
      const data = eraseStored(eraser, entry, sequenceId);
      return data === undefined ? [] : [{ sequenceId: String(sequenceId), before: md5(entry.data), data }];
    });
    const changed = found.length === 0 ? 0 : await replaceData(db, logId, found);
    erased += changed;
    if (changed === found.length) {
      position += BigInt(page.length);
      await onProgress?.(Number(position - first), Number(to - first));
    }
  }
  return erased;
}

interface Replacement {
  sequenceId: string;
  before: string;
  data: string;
}

async function replaceData(db: Database, logId: string, found: readonly Replacement[]): Promise<number> {
  const { rows } = await db.query(`select ${db.schema}.erase_entry_data($1::text, $2::bigint[], $3::text[], $4::text[]) as erased`, [
    logId,
    found.map(({ sequenceId }) => sequenceId),
    found.map(({ before }) => before),
    found.map(({ data }) => data),
  ]);
  return Number(rows[0].erased);
}

/** As Postgres makes it: to tell whether a text has changed, for nothing else. */
function md5(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}
