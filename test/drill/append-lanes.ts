/** Writers side by side, each on any of the logs, until the drill is over. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Appender } from './appender.ts';
import type { Clock } from './clock.ts';
import type { DrillLog } from './drill-logs.ts';
import type { Random } from './random.ts';

const LANES = 12;
const LATE_PAUSE_MS = 200;

export interface AppendLanesOptions {
  clock: Clock;
  random: Random;
  logs: readonly DrillLog[];
  appender: Appender;
  /** Appends a second of all lanes together, while there is a Postgres. */
  perSecond: number;
  /** When time is up and there are so many, none is added: work that is behind would only be more so, and others wait for its end. */
  least: number;
}

export async function runAppendLanes(options: AppendLanesOptions): Promise<void> {
  await Promise.all(Array.from({ length: LANES }, (_, lane) => runLane(lane, options)));
}

async function runLane(lane: number, { clock, random: shared, logs, appender, perSecond, least }: AppendLanesOptions): Promise<void> {
  const random = shared.fork(`appender ${lane}`);
  for (let number = 0; !clock.isOver(); number += 1) {
    if (clock.isLate() && appender.counts.acknowledged >= least) {
      await clock.pause(LATE_PAUSE_MS);
      continue;
    }
    const waitMs = random.waitMs((LANES * 1_000) / perSecond);
    // Behind after an outage: without a pause, until there are as many as there should be by now.
    const isBehind = appender.counts.acknowledged < (clock.elapsedMs() / 1_000) * perSecond;
    await delay(isBehind ? 0 : waitMs);
    const log = random.pick(logs);
    const count = random.chance(0.8) ? 1 : random.integer(2, log.mostEntries);
    const entries = Array.from({ length: count }, () => log.makeEntry(random));
    const asks = random.chance(0.015) ? { pending: 'snapshot' } : {};
    await appender.append({
      name: `lane-${lane}-${number}`,
      logId: log.id,
      entries: entries.map((entry, index) => (index === count - 1 ? { ...entry, ...asks } : entry)),
      expect: random.chance(0.5) ? 'any' : 'next',
    });
  }
}
