/** What kills, freezes and starts again: one lane a kind, none knowing of the others, so that outages overlap as they please. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Breather } from './breather.ts';
import type { Clock } from './clock.ts';
import type { ProcessTarget } from './process-target.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';

export interface KillLaneOptions {
  /** Of one kind. One of them is killed at a time, now and then all of them at once. */
  targets: readonly Target[];
  clock: Clock;
  random: Random;
  /** From the end of one outage to the next kill, on average. */
  everyMs: number;
  /** When time is up, a lane that has so many waits for the others: under kills without end nothing would come up any more. */
  least: number;
  breather: Breather;
  onKill: () => void;
  /** Now would be a good time for the next one. */
  hurry?: Hurry;
}

export interface Hurry {
  now(): void;
  /** Of the next `now`. */
  next(): Promise<void>;
}

export function createHurry(): Hurry {
  const waiting: (() => void)[] = [];
  return {
    now() {
      for (const resolve of waiting.splice(0)) resolve();
    },
    next: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
      }),
  };
}

const LONGEST_OUTAGE_MS = 1_500;
/** When all that is missing is kills. */
const LATE_GAP_MS = 1_000;

export async function runKillLane({ targets, clock, random, everyMs, least, breather, onKill, hurry }: KillLaneOptions): Promise<void> {
  let kills = 0;
  while (!clock.isOver()) {
    const gapMs = random.waitMs(everyMs);
    const gap = clock.pause(clock.isLate() ? Math.min(gapMs, LATE_GAP_MS) : gapMs);
    await (hurry ? Promise.race([gap, hurry.next()]) : gap);
    await breather.wait();
    if (clock.isOver() || (clock.isLate() && kills >= least)) continue;
    const victims = random.chance(0.2) ? targets : [random.pick(targets)];
    for (const victim of victims) {
      await victim.kill();
      kills += 1;
      breather.onKill();
      onKill();
    }
    await delay(random.integer(0, LONGEST_OUTAGE_MS));
    await Promise.all(victims.map((victim) => victim.start()));
    // In one case of five it dies on its way up.
    if (!random.chance(0.2)) await Promise.all(victims.map((victim) => victim.untilUp()));
  }
  await Promise.all(targets.map((target) => target.untilUp()));
}

/** Processes that sleep past their leases and heartbeats, and wake up in the belief that nothing has happened. */
export async function runFreezeLane(options: {
  processes: readonly ProcessTarget[];
  clock: Clock;
  random: Random;
  everyMs: number;
}): Promise<number> {
  const { processes, clock, random, everyMs } = options;
  for (let freezes = 0; ; freezes += 1) {
    await clock.pause(random.waitMs(everyMs));
    const sleeper = random.pick(processes);
    const sleepMs = random.integer(1_000, 8_000);
    if (clock.isOver()) return freezes;
    sleeper.freeze();
    await delay(sleepMs);
    sleeper.thaw();
  }
}
