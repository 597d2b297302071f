/** Whoever changes rows, as fast as asked for while there is a Postgres: in transactions of all sizes, some larger than a reader's page, some rolled back. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '../../src/postgres/pool.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import type { Clock } from './clock.ts';
import { isOutage } from './outage.ts';
import type { Random } from './random.ts';

const LANES = [
  { table: 'watched', perSecond: 4, most: 2, large: 0, least: 60 },
  { table: 'stored', perSecond: 300, most: 150, large: 0, least: 4_000 },
  { table: 'stored', perSecond: 300, most: 200, large: 3_000, least: 4_000 },
] as const;
type Lane = (typeof LANES)[number];
const LONGEST_PAUSE_MS = 100;

export interface ChangeLanesOptions {
  clock: Clock;
  random: Random;
  pool: Pool;
}

export async function runChangeLanes({ clock, random, pool }: ChangeLanesOptions): Promise<void> {
  await Promise.all(LANES.map((lane, number) => runLane(lane, { clock, random: random.fork(`changes ${number}`), pool })));
}

async function runLane(lane: Lane, { clock, random, pool }: ChangeLanesOptions): Promise<void> {
  for (let written = 0; !clock.isOver(); ) {
    await delay(random.integer(0, LONGEST_PAUSE_MS));
    // Time is up: see append-lanes.ts.
    if (clock.isLate() && written >= lane.least) continue;
    if (written > (clock.elapsedMs() / 1_000) * lane.perSecond) continue;
    const size = lane.large > 0 && random.chance(0.01) ? lane.large : random.integer(1, lane.most);
    try {
      written += await change(pool, lane.table, size, random);
    } catch (error) {
      // What became of it is what the trigger has recorded, or has not.
      if (!isOutage(error)) throw error;
    }
  }
}

/** New rows, the newest again, and the oldest gone. What another lane has in hand is left alone. @returns how many changes, at most */
async function change(pool: Pool, table: string, size: number, random: Random): Promise<number> {
  const isKept = !random.chance(0.1);
  try {
    await inTransaction(pool, async (tx) => {
      await tx.query(`insert into drill.${table} (pad) select repeat('x', 40) from generate_series(1, $1::integer)`, [size]);
      await tx.query(
        `update drill.${table} set v = v + 1 where id in (select id from drill.${table} order by id desc limit $1 for update skip locked)`,
        [size],
      );
      await tx.query(`delete from drill.${table} where id in (select id from drill.${table} order by id limit $1 for update skip locked)`, [
        Math.ceil(size / 2),
      ]);
      if (!isKept) throw new RolledBack();
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
    return 0;
  }
  return size * 2 + Math.ceil(size / 2);
}

class RolledBack extends Error {}
