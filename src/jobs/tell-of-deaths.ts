import type { Database } from '../postgres/queryable.ts';

/**
 * Whether a unit that becomes dead adds, in the same transaction, the unit that tells of it. Of the installation: whichever worker started last has said it.
 * The job has to be registered.
 */
export async function tellOfDeaths(db: Database, isTold: boolean): Promise<void> {
  await db.query(`update ${db.schema}.on_dead set is_told = $1::boolean where is_told <> $1::boolean`, [isTold]);
}
