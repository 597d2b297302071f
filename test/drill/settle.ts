import { setTimeout as delay } from 'node:timers/promises';
import type { Queryable } from '../../src/postgres/queryable.ts';
import { SCHEMA } from './drill-settings.ts';
import { unlessOut } from './outage.ts';

/**
 * Without one unit less for so long, it is stuck. A healthy unit waits for its next attempt no longer than it has been tried already, and
 * never longer than ten minutes: the interval doubles with each failure.
 */
const longestWaitMs = (killingMs: number): number => Math.min(killingMs, 600_000) + 60_000;
const TELL_EVERY_MS = 5_000;

/** Units that are neither done nor cancelled, entries that are pending, and changes that are not stored: what is still to come. */
export async function countOpen(db: Queryable): Promise<number> {
  const { rows } = await db.query(
    `select ((select count(*) from ${SCHEMA}.work where state in ('waiting', 'ready', 'claimed', 'started', 'dead'))
       + (select count(*) from ${SCHEMA}.entries where pending is not null)
       + abs((select count(*) from drill.changed) - (select count(*) from ${SCHEMA}.message where topic like 'changes.%')))::integer as open`,
  );
  return rows[0].open;
}

/** Waits until nothing is open. What does not settle is a finding, and the checker says what of it is left. */
export async function settle(
  owner: Queryable,
  killingMs: number,
  say: (line: string) => void,
): Promise<{ ms: number; findings: string[] }> {
  const startedAt = performance.now();
  const stallMs = longestWaitMs(killingMs);
  let least = Number.POSITIVE_INFINITY;
  let lessAt = startedAt;
  let toldAt = startedAt;
  while (performance.now() - lessAt < stallMs) {
    await unlessOut(async () => {
      const open = await countOpen(owner);
      if (open < least) {
        least = open;
        lessAt = performance.now();
      }
    });
    if (least === 0) return { ms: performance.now() - startedAt, findings: [] };
    if (performance.now() - toldAt > TELL_EVERY_MS) {
      toldAt = performance.now();
      say(`settling: ${least} units, pending entries and changes are left`);
    }
    await delay(200);
  }
  return {
    ms: performance.now() - startedAt,
    findings: [
      `It did not settle: ${least} units, pending entries and changes were left, and none less for ${Math.round(stallMs / 1_000)} s.`,
    ],
  };
}
