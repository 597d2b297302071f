import type { Database } from '../postgres/queryable.ts';

/** Of the slot and of the publication. Slots are the cluster's, so the installation is in it. */
export async function changeSlotName(db: Database): Promise<string> {
  const { rows } = await db.query(`select id from ${db.schema}.installation`);
  return `tidemark_${rows[0].id}`;
}
