/**
 * Appends as an application would, through outages: what was refused is tried again; what nobody answered is looked up.
 *
 * Every append has a name of its own, kept with its entries as their correlation id. An append that is there twice, or was told as refused
 * and is there, would show. Acknowledged is what the database has said and the file outside it has on disk.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConflictError, errorMessage, TidemarkError } from '../../src/errors.ts';
import { appendEntries } from '../../src/event-log/append.ts';
import type { LogEntry, SequenceId } from '../../src/event-log/event-log.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import type { AcknowledgedFile } from './acknowledged-file.ts';
import { SCHEMA } from './drill-settings.ts';
import { isOutage, wasNeverSent } from './outage.ts';

export interface Append {
  name: string;
  logId: string;
  entries: readonly LogEntry[];
  /** 'any': wherever the log ends. 'next': at the end as this appender knows it, where others may have been faster. */
  expect: 'any' | 'next';
}

export interface AppendCounts {
  /** Appends that the database has confirmed, and the file has on disk. */
  acknowledged: number;
  /** Their answer was lost; a look showed them there. */
  found: number;
  /** Their answer was lost; a look showed that they are not there. Tried again. */
  lost: number;
  /** Someone else was faster at that sequence id. Tried again. */
  conflicts: number;
  /** Nobody was there to take it. Tried again. */
  refused: number;
}

export interface Appender {
  /** Resolves when the entries are there. Rejects when the drill cannot go on. */
  append(append: Append): Promise<void>;
  readonly counts: Readonly<AppendCounts>;
}

const RETRY_MS = 50;

/** @param signal aborted when the drill cannot go on: nobody waits for a Postgres that will not come back */
export function createAppender(pool: Pool, file: AcknowledgedFile, signal?: AbortSignal): Appender {
  const db = inSchema(pool, SCHEMA);
  const counts: AppendCounts = { acknowledged: 0, found: 0, lost: 0, conflicts: 0, refused: 0 };
  const ends = new Map<string, SequenceId>();

  const pause = async () => {
    await delay(RETRY_MS);
    signal?.throwIfAborted();
  };

  /** Where its first entry is; undefined: it is not there. Every server process of before has ended with its server. */
  const lookUp = async (name: string, logId: string): Promise<SequenceId | undefined> => {
    for (;;) {
      try {
        const { rows } = await pool.query(
          `select min(sequence_id) as first from (
             select sequence_id from ${db.schema}.entries where log_id = $1 and correlation_id = $2
             union all select sequence_id from drill.removed_entry where log_id = $1 and correlation_id = $2) e`,
          [logId, name],
        );
        return rows[0].first === null ? undefined : BigInt(rows[0].first);
      } catch (error) {
        if (!isOutage(error)) throw error;
        await pause();
      }
    }
  };

  return {
    counts,
    async append({ name, logId, entries, expect }) {
      const record = (outcome: 'acknowledged' | 'found', first: SequenceId) =>
        file.add({ outcome, append: name, log: logId, first: first.toString(), entries });
      for (;;) {
        const end = ends.get(logId) ?? 0n;
        try {
          const { nextSequenceId } = await appendEntries(db, entries, {
            logId,
            sequenceId: expect === 'any' ? 'any' : end,
            correlationId: name,
          });
          ends.set(logId, nextSequenceId);
          await record('acknowledged', nextSequenceId - BigInt(entries.length));
          counts.acknowledged += 1;
          return;
        } catch (error) {
          if (error instanceof ConflictError) {
            ends.set(logId, error.nextSequenceId);
            counts.conflicts += 1;
            continue;
          }
          if (error instanceof TidemarkError || !isOutage(error)) {
            throw new Error(`Append ${name} to ${logId} failed in a way that no outage explains: ${errorMessage(error)}`, { cause: error });
          }
          if (wasNeverSent(error)) {
            counts.refused += 1;
            await pause();
            continue;
          }
          const first = await lookUp(name, logId);
          if (first !== undefined) {
            await record('found', first);
            counts.found += 1;
            return;
          }
          counts.lost += 1;
        }
      }
    },
  };
}
