/** The changes of the drill that somebody wants. */
import { type AnyChange, onChange } from '../../src/changes/on-change.ts';

interface Row {
  id: number;
  v: number;
}

/** Kept in the database, and disabled there: its changes are messages without a delivery. */
export const STORED_ONLY = 'drill-stored';

export function drillChanges(): AnyChange[] {
  const watched = onChange<Row>('watched', { schema: 'drill', subscription: 'drill-watched' }, async ({ op, key, after }, { db }) => {
    await db.query('insert into drill.change_handled (op, id, v) values ($1, $2, $3)', [op, key.id, after?.v ?? null]);
  });
  return [watched, onChange<Row>('stored', { schema: 'drill', subscription: STORED_ONLY }, () => {})];
}
