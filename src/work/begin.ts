import { randomUUID } from 'node:crypto';
import type { Database } from '../postgres/queryable.ts';
import { type Unit, unitFromRow } from './unit.ts';

/** Beginnings in a row without an end after which a unit is taken for what kills its worker. */
const MAX_UNENDED = 5;

/** Beginnings in a row without an end after which a unit runs only while no other such unit does: one of them may kill workers. */
const SUSPECT_AFTER = 2;

/** What a unit is read from, and no more: of a begun unit the client parses each column, dates among them. */
const columnsIn = ({ schema }: Database) =>
  `w.id, w.epoch, w.attempt, w.failures, w.fence, w.workflow, w.group_name, w.state, w.log_id, w.sequence_id, w.input, w.progress, w.actor,
     w.correlation_id, w.causation_id, w.ordering_key is not null as has_key, w.log_id is not null and ${schema}.has_garbage(w.log_id) as has_garbage`;

/**
 * Begins an attempt of a unit that runs alone.
 * @returns undefined where there is nothing to run: finished, of another epoch, or in a burst; a unit in state 'dead' where its worker died
 * too often; 'later' while another unit whose worker died is on trial
 */
export async function beginWork(db: Database, id: string, epoch: number): Promise<Unit | 'later' | undefined> {
  const { rows } = await db.prepared(
    `select ${columnsIn(db)}
     from ${db.schema}.begin_work($1::text, $2::bigint, $3::uuid, $4::integer, $5::integer) w`,
    [id, epoch, randomUUID(), MAX_UNENDED, SUSPECT_AFTER],
  );
  const row = rows[0];
  if (row === undefined) {
    return undefined;
  }
  return row.fence === null && row.state !== 'dead' ? 'later' : unitFromRow(row);
}

/**
 * Begins up to `limit` more units of a burst. The first call of an attempt takes the burst over from any that still runs; what that
 * one had begun leaves to run alone. No units: nothing is left, or a later attempt has taken over.
 */
export async function beginBurst(db: Database, burstId: string, fence: string, limit: number, takesOver: boolean): Promise<Unit[]> {
  const { rows } = await db.prepared(
    `select ${columnsIn(db)}
     from ${db.schema}.begin_burst($1::text, $2::uuid, $3::integer, $4::boolean) w`,
    [burstId, fence, limit, takesOver],
  );
  return rows.map(unitFromRow);
}

export interface BeyondOptions {
  /** At most so many. */
  limit: number;
  /** Of the burst: its group has room for so many at once. */
  width: number;
  /** It goes on only while that keeps nobody waiting. */
  hadItsTime: boolean;
}

/**
 * Begins ready units of the same group beyond those of a burst, while no later attempt has taken it over and the group has room for it. No units: one of these
 * is not so, or none is ready.
 */
export async function beginBeyondBurst(
  db: Database,
  burstId: string,
  fence: string,
  { limit, width, hadItsTime }: BeyondOptions,
): Promise<Unit[]> {
  const { rows } = await db.prepared(
    `select ${columnsIn(db)}
     from ${db.schema}.begin_beyond_burst($1::text, $2::uuid, $3::integer, $4::integer, $5::boolean) w`,
    [burstId, fence, limit, width, hadItsTime],
  );
  return rows.map(unitFromRow);
}

/** It begins nothing more: claims have the places that its group kept for it. */
export async function closeBurst(db: Database, burstId: string, fence: string): Promise<void> {
  await db.prepared(`select ${db.schema}.close_burst($1::text, $2::uuid)`, [burstId, fence]);
}
