/**
 * Notices that an attempt is not its unit's last one any more, or that the unit was cancelled, while its handler is busy with something else: one look a second at
 * all that run, and none while nothing does.
 */
import type { Database } from '../postgres/queryable.ts';
import type { Unit } from './unit.ts';

/** @param onGone called once, where another attempt has the unit or it has ended. @returns stops watching */
export type WatchFence = (unit: Unit, onGone: () => void) => () => void;

const LOOK_EVERY_MS = 1_000;

export function watchFences(db: Database, lookEveryMs = LOOK_EVERY_MS): WatchFence {
  const watched = new Map<symbol, { unit: Unit; onGone: () => void }>();
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    const looked = [...watched];
    if (looked.length === 0) return;
    const { rows } = await db.query(
      `select u.place::integer as place from unnest($1::text[], $2::uuid[]) with ordinality u (id, fence, place)
       where not exists (select 1 from ${db.schema}.work w where w.id = u.id and w.fence = u.fence and w.state = 'started')`,
      [looked.map(([, { unit }]) => unit.id), looked.map(([, { unit }]) => unit.fence)],
    );
    for (const { place } of rows) {
      const [key, { onGone }] = looked[place - 1] as (typeof looked)[number];
      if (watched.delete(key)) onGone();
    }
  }

  function next(): void {
    timer = setTimeout(() => {
      // A database that does not answer says nothing of the attempts.
      look()
        .catch(() => {})
        .finally(() => {
          timer = undefined;
          if (watched.size > 0) next();
        });
    }, lookEveryMs);
    timer.unref();
  }

  return (unit, onGone) => {
    const key = Symbol(unit.id);
    watched.set(key, { unit, onGone });
    if (!timer) next();
    return () => void watched.delete(key);
  };
}
