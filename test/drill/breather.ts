/**
 * Kills without end prove nothing: on a machine that is busy, nothing would be up long enough to do any work. After some kills in a row
 * without a single unit that ended, the next one waits for one; not for ever, because what is stuck must show.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Queryable } from '../../src/postgres/queryable.ts';
import type { Clock } from './clock.ts';
import { unlessOut } from './outage.ts';

export interface Breather {
  onKill(): void;
  /** Resolves when there may be another kill. */
  wait(): Promise<void>;
}

export const NO_BREATH: Breather = { onKill: () => {}, wait: async () => {} };

const MOST_KILLS_IN_A_ROW = 6;
const LONGEST_WAIT_MS = 30_000;
const LOOK_EVERY_MS = 250;

export function createBreather(owner: Queryable, clock: Clock): Breather {
  let kills = 0;
  let ended = 0;
  const look = () =>
    unlessOut(async () => {
      const { rows } = await owner.query('select count(*)::integer as ended from drill.ended');
      if (rows[0].ended > ended) kills = 0;
      ended = rows[0].ended;
    });
  return {
    onKill() {
      kills += 1;
    },
    async wait() {
      const until = performance.now() + LONGEST_WAIT_MS;
      while (kills >= MOST_KILLS_IN_A_ROW && performance.now() < until && !clock.isOver()) {
        await look();
        await delay(LOOK_EVERY_MS);
      }
    },
  };
}
