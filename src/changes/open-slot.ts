/**
 * The replication slot: made where it is missing, taken over where somebody has made it by hand, and given up where Postgres has invalidated it.
 *
 * The slot is told of nothing that the checkpoint does not have. A slot that is further than the checkpoint was therefore moved or made anew by somebody else, and
 * one that is gone or invalidated has let go of its log: what was committed between is a gap. It is written to `change_gap` before anybody reads on.
 */
import { SetupError, TidemarkError } from '../errors.ts';
import { type Lsn, parseLsn } from '../postgres/lsn.ts';
import type { Database } from '../postgres/queryable.ts';
import { quoteIdentifier, type ReplicationConnection } from '../postgres/replication.ts';

/** Postgres no longer has what the slot was to send. Reading on leaves a gap, so a person decides. */
class SlotLostError extends TidemarkError {
  constructor(slot: string, from: string, since: Date | null, why: string) {
    super(
      'slot_lost',
      `Slot ${slot} is lost: ${why}. Changes committed after ${from}${since ? ` (${since.toISOString()})` : ''} may be missing. Run 'tidemark cdc --recover' to write this down and read on from now.`,
    );
  }
}

export interface OpenedSlot {
  checkpoint: Lsn;
  /** Another reader has it. */
  isActive: boolean;
  /** What was found missing while it was opened. */
  gap?: { from: string; to: string };
}

interface SlotRow {
  checkpoint: string | null;
  committed_at: Date | null;
  there: boolean;
  active: boolean;
  plugin: string | null;
  here: boolean;
  lost: boolean;
  confirmed: string | null;
  is_ahead: boolean;
}

/**
 * @throws SlotLostError where it has lost its place and `recover` is not asked for; SetupError where it cannot be made
 */
export async function openSlot(
  db: Database,
  connection: Pick<ReplicationConnection, 'query'>,
  slot: string,
  { recover = false }: { recover?: boolean } = {},
): Promise<OpenedSlot> {
  const row = await readSlot(db, slot);
  if (row.there && (row.plugin !== 'pgoutput' || !row.here)) {
    throw new SetupError(
      `Slot ${slot} is of plugin ${row.plugin} or of another database. Drop it: select pg_drop_replication_slot('${slot}');`,
    );
  }
  if (row.checkpoint === null) {
    if (!row.there) await createSlot(connection, slot);
    await db.query(
      `insert into ${db.schema}.change_slot (name, publication, checkpoint)
       select slot_name, slot_name, confirmed_flush_lsn from pg_replication_slots where slot_name = $1 on conflict do nothing`,
      [slot],
    );
    return openSlot(db, connection, slot, { recover });
  }
  const why = !row.there ? 'it is not there any more' : row.lost ? 'Postgres has invalidated it (see max_slot_wal_keep_size)' : undefined;
  if (why !== undefined) {
    if (!recover) throw new SlotLostError(slot, row.checkpoint, row.committed_at, why);
    if (row.there) await connection.query(`DROP_REPLICATION_SLOT ${quoteIdentifier(slot)}`);
    await createSlot(connection, slot);
    return recordGap(db, connection, slot, why);
  }
  // Whoever reads moves both; asked again, with the news of whoever has just stopped.
  if (row.is_ahead && !row.active) {
    return recordGap(db, connection, slot, 'it was moved or made anew by somebody else');
  }
  return { checkpoint: parseLsn(row.checkpoint), isActive: row.active };
}

async function readSlot(db: Database, slot: string): Promise<SlotRow> {
  const { rows } = await db.query(
    `select c.checkpoint::text, c.committed_at, s.slot_name is not null as there, coalesce(s.active, false) as active, s.plugin,
       s.database = current_database() as here, coalesce(s.wal_status = 'lost', false) as lost, s.confirmed_flush_lsn::text as confirmed,
       coalesce(s.confirmed_flush_lsn > c.checkpoint, false) as is_ahead
     from (select $1::text as name) n
     left join ${db.schema}.change_slot c on c.name = n.name
     left join pg_replication_slots s on s.slot_name = n.name`,
    [slot],
  );
  return rows[0];
}

/** Another reader may do the same at this moment: then it is there. */
async function createSlot(connection: Pick<ReplicationConnection, 'query'>, slot: string): Promise<void> {
  try {
    await connection.query(`CREATE_REPLICATION_SLOT ${quoteIdentifier(slot)} LOGICAL pgoutput NOEXPORT_SNAPSHOT`);
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code === '42710') return;
    if (code === '53400') {
      throw new SetupError(`Slot ${slot} cannot be made: ${message}. Raise max_replication_slots, or drop a slot that nobody reads.`);
    }
    throw error;
  }
}

/** The gap and the new checkpoint in one transaction: seen once. Tables that are read once are read again, so their rows are not missing. */
async function recordGap(
  db: Database,
  connection: Pick<ReplicationConnection, 'query'>,
  slot: string,
  reason: string,
): Promise<OpenedSlot> {
  const { rows } = await db.query(
    `with s as (select slot_name, confirmed_flush_lsn, active from pg_replication_slots where slot_name = $1),
     gap as (
       insert into ${db.schema}.change_gap (slot, from_lsn, to_lsn, from_time, reason)
       select c.name, c.checkpoint, s.confirmed_flush_lsn, c.committed_at, $2 from ${db.schema}.change_slot c join s on s.slot_name = c.name
       where s.confirmed_flush_lsn > c.checkpoint
       returning from_lsn, to_lsn
     ), again as (
       delete from ${db.schema}.change_table t using gap where t.slot = $1
     )
     update ${db.schema}.change_slot c set checkpoint = gap.to_lsn from gap, s where c.name = $1
     returning gap.from_lsn::text, gap.to_lsn::text, s.active`,
    [slot, reason],
  );
  const [row] = rows;
  if (!row) {
    return openSlot(db, connection, slot);
  }
  return { checkpoint: parseLsn(row.to_lsn), isActive: row.active, gap: { from: row.from_lsn, to: row.to_lsn } };
}
