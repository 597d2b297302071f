/**
 * Stores pages of changes: messages, deliveries and the checkpoint in one transaction. The checkpoint moves by compare-and-set, so a reader that was taken for
 * dead, and wakes, stores nothing.
 */
import { FencedError } from '../errors.ts';
import { integerArray, textArray } from '../postgres/binary-array.ts';
import { formatLsn, type Lsn } from '../postgres/lsn.ts';
import type { Database } from '../postgres/queryable.ts';
import type { ChangePage } from './change-page.ts';

const FENCED = 'TM003';

/**
 * @param db a transaction, where the page is a part of one
 * @param from the checkpoint as it is
 * @throws FencedError where another reader has moved it
 */
export async function storeChanges(db: Database, slot: string, from: Lsn, { changes, end }: ChangePage): Promise<void> {
  const routes = new Map<string, { route: number; subscriptions: readonly string[] }>();
  const routeNumbers = changes.map(({ subscriptions }) => {
    const key = subscriptions.join(' ');
    const known = routes.get(key) ?? { route: routes.size, subscriptions };
    routes.set(key, known);
    return known.route;
  });
  const rows = [...routes.values()].flatMap(({ route, subscriptions }) => subscriptions.map((name) => ({ route, name })));
  try {
    await db.prepared(
      `select ${db.schema}.store_changes($1::text, $2::pg_lsn, $3::pg_lsn, $4::timestamptz, $5::text[], $6::text[], $7::text[], $8::integer[], $9::json)`,
      [
        slot,
        formatLsn(from),
        end ? formatLsn(end.lsn) : null,
        end?.committedAt ?? null,
        textArray(changes.map(({ topic }) => topic)),
        textArray(changes.map(({ data }) => data)),
        textArray(changes.map(({ orderingKey }) => orderingKey)),
        integerArray(routeNumbers),
        JSON.stringify(rows),
      ],
    );
  } catch (error) {
    throw (error as { code?: string }).code === FENCED ? new FencedError(`slot ${slot}`) : error;
  }
}

/**
 * Nothing was to be stored up to here. Also says that somebody reads.
 * @throws FencedError where another reader has moved the checkpoint
 */
export async function passChanges(db: Database, slot: string, from: Lsn, to: Lsn): Promise<void> {
  const { rows } = await db.query(
    `update ${db.schema}.change_slot set checkpoint = $3::pg_lsn, seen_at = clock_timestamp()
     where name = $1::text and checkpoint = $2::pg_lsn returning 1 as moved`,
    [slot, formatLsn(from), formatLsn(to)],
  );
  if (rows.length === 0) {
    throw new FencedError(`slot ${slot}`);
  }
}
