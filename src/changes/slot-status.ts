/** How a slot is: how far behind, how much of the log it holds, and what it has lost. Read from Postgres, so every process says the same. */
import type { Database } from '../postgres/queryable.ts';

export interface SlotStatus {
  slot: string;
  /** 'reading': a reader has it. 'waiting': none has. 'lost': Postgres has invalidated it. 'missing': it is not there any more. */
  state: 'reading' | 'waiting' | 'lost' | 'missing';
  /** Where the last transaction ends that is stored. */
  checkpoint: string;
  /** Written to the log since. */
  lagBytes: number;
  /** Kept on the disk because of the slot. */
  retainedBytes: number;
  /** Until Postgres invalidates it; undefined: never, the disk is the limit. */
  safeBytes?: number;
  /** Since a reader last stored something, or said that there was nothing. */
  ageMs: number;
  gaps: number;
}

/** Of this installation: none where nothing was read yet. */
export async function readSlotStatus(db: Database): Promise<SlotStatus[]> {
  const { rows } = await db.query(
    `select c.name, c.checkpoint::text, s.slot_name is not null as there, coalesce(s.active, false) as active, s.wal_status,
       greatest(0, pg_current_wal_insert_lsn() - c.checkpoint)::float8 as lag,
       coalesce(greatest(0, pg_current_wal_insert_lsn() - s.restart_lsn), 0)::float8 as retained, s.safe_wal_size::float8 as safe,
       greatest(0, extract(epoch from clock_timestamp() - c.seen_at) * 1000)::float8 as age,
       (select count(*)::integer from ${db.schema}.change_gap g where g.slot = c.name) as gaps
     from ${db.schema}.change_slot c left join pg_replication_slots s on s.slot_name = c.name order by c.name`,
  );
  return rows.map((row) => ({
    slot: row.name,
    state: !row.there ? 'missing' : row.wal_status === 'lost' ? 'lost' : row.active ? 'reading' : 'waiting',
    checkpoint: row.checkpoint,
    lagBytes: row.lag,
    retainedBytes: row.retained,
    ...(row.safe === null ? {} : { safeBytes: row.safe }),
    ageMs: row.age,
    gaps: row.gaps,
  }));
}

export interface ChangeGap {
  slot: string;
  fromLsn: string;
  toLsn: string;
  fromTime?: Date;
  toTime: Date;
  reason: string;
}

/** What was not read and may be missing; newest first. */
export async function listChangeGaps(db: Database): Promise<ChangeGap[]> {
  const { rows } = await db.query(
    `select slot, from_lsn::text, to_lsn::text, from_time, to_time, reason from ${db.schema}.change_gap order by id desc limit 100`,
  );
  return rows.map((row) => ({
    slot: row.slot,
    fromLsn: row.from_lsn,
    toLsn: row.to_lsn,
    ...(row.from_time === null ? {} : { fromTime: row.from_time }),
    toTime: row.to_time,
    reason: row.reason,
  }));
}
