/** Gives up reading: an application that has no changes any more, or an installation that goes, must not leave a slot behind. It would keep the log for ever. */
import { SetupError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { quoteIdentifier } from '../postgres/replication.ts';
import { changeSlotName } from './slot-names.ts';

/** @returns the slot's name. @throws SetupError while a reader has it */
export async function dropSlot(db: Database): Promise<string> {
  const slot = await changeSlotName(db);
  const { rows } = await db.query('select active from pg_replication_slots where slot_name = $1', [slot]);
  if (rows[0]?.active) {
    throw new SetupError(`A reader has slot ${slot}. Stop 'tidemark cdc' first.`);
  }
  if (rows[0]) await db.query('select pg_drop_replication_slot($1)', [slot]);
  await db.query(`drop publication if exists ${quoteIdentifier(slot)}`);
  await db.query(`delete from ${db.schema}.change_slot where name = $1`, [slot]);
  return slot;
}
