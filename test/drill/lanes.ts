/** All that goes on at once until time is up: appends, messages, changes of rows, unrest, kills. */
import { runAppendLanes } from './append-lanes.ts';
import type { Appender } from './appender.ts';
import { createBreather, NO_BREATH } from './breather.ts';
import { runChangeLanes } from './change-lanes.ts';
import { type Clock, startClock } from './clock.ts';
import type { DrillLog } from './drill-logs.ts';
import { runErasureLane } from './erasure-lane.ts';
import { createHurry, runFreezeLane, runKillLane } from './kill-lanes.ts';
import { runPublishLanes } from './message-lanes.ts';
import type { Publisher } from './publisher.ts';
import type { Random } from './random.ts';
import type { Scene } from './scene.ts';
import { type CollectionCounts, runAskAgainLane, runBacklogLane, runCollectionLane, runLongLane, runTruncationLane } from './stir-lanes.ts';
import { KINDS, type Kind } from './target.ts';

export interface LanesOptions {
  scene: Scene;
  random: Random;
  logs: readonly DrillLog[];
  appender: Appender;
  publisher: Publisher;
  minutes: number;
  /** Aborted when a lane cannot go on. */
  giveUp: AbortController;
  say: (line: string) => void;
}

export interface LaneCounts extends CollectionCounts {
  kills: Record<Kind, number>;
  freezes: number;
  truncations: number;
  askedAgain: number;
  erasures: number;
  backlogs: number;
  longSnapshots: number;
  ms: number;
}

const LEAST_KILLS = 5;
const LEAST_APPENDS = 5_000;
const LEAST_MESSAGES = 200;
/** A collection that Postgres died in counts for nothing: where the machine is slow, few come through. */
const LEAST_BLOBS_REMOVED = 20;
const APPENDS_PER_SECOND = 150;
/** Transactions, of one to forty messages each. */
const PUBLICATIONS_PER_SECOND = 5;
/** Of one kind, from its being up again to the next kill. In a minute that makes more than the least, most of the time. */
const KILL_EVERY_MS = 5_000;
const TELL_EVERY_MS = 10_000;

export async function runLanes({ scene, random, logs, appender, publisher, minutes, giveUp, say }: LanesOptions): Promise<LaneCounts> {
  const { pool, owner, processes, gate } = scene;
  const kills: Record<Kind, number> = { worker: 0, starter: 0, cdc: 0, temporal: 0, postgres: 0 };
  const collected: CollectionCounts = { collections: 0, blobsRemoved: 0, blobsMissing: [] };
  const isEnough = () =>
    appender.counts.acknowledged >= LEAST_APPENDS &&
    collected.blobsRemoved >= LEAST_BLOBS_REMOVED &&
    KINDS.every((kind) => kills[kind] >= LEAST_KILLS);
  const clock = startClock(minutes * 60_000, isEnough, giveUp.signal);
  const telling = setInterval(() => say(progressLine(clock, appender, publisher, kills)), TELL_EVERY_MS);
  const stir = (name: string) => ({ clock, random: random.fork(name), pool, logs, appender });
  const hurry = createHurry();
  const breather = createBreather(owner, clock);
  const chance = random.fork('hurry');
  /** Half of the time a worker dies soon after. */
  const threaten = (withinMs: number) => () => {
    if (chance.chance(0.5)) setTimeout(hurry.now, chance.integer(100, withinMs)).unref();
  };
  const killLanes = KINDS.map((kind) =>
    runKillLane({
      targets: scene.targets.filter((target) => target.kind === kind),
      clock,
      random: random.fork(`kill ${kind}`),
      everyMs: KILL_EVERY_MS,
      least: LEAST_KILLS,
      // Whoever works does not wait for a reader.
      breather: kind === 'cdc' ? NO_BREATH : breather,
      onKill: () => {
        kills[kind] += 1;
      },
      ...(kind === 'worker' ? { hurry } : {}),
    }),
  );
  const lanes = [
    runTruncationLane({ ...stir('truncation'), everyMs: 250 }),
    runAskAgainLane({ ...stir('ask again'), everyMs: 200 }),
    runBacklogLane({
      ...stir('backlog'),
      starters: processes.filter((process) => process.startsExecutions),
      gate,
      everyMs: 9_000,
      onRelease: threaten(1_500),
    }),
    runLongLane({ ...stir('long'), everyMs: 25_000, onAsked: threaten(4_000) }),
    runCollectionLane({ ...stir('collection'), everyMs: 300, blobs: scene.blobs.place, counts: collected }),
    runFreezeLane({ processes, clock, random: random.fork('freeze'), everyMs: 10_000 }),
    runErasureLane({ ...stir('erasure'), everyMs: 700 }),
    runAppendLanes({ ...stir('appends'), perSecond: APPENDS_PER_SECOND, least: LEAST_APPENDS }),
    runPublishLanes({ clock, random: random.fork('messages'), publisher, perSecond: PUBLICATIONS_PER_SECOND, least: LEAST_MESSAGES }),
    runChangeLanes({ clock, random: random.fork('changes'), pool }),
    ...killLanes,
  ] as const;
  for (const lane of lanes) lane.catch((error) => giveUp.abort(error));
  // The lanes of a drill that cannot go on end before what they work on is closed.
  await Promise.allSettled(lanes);
  clearInterval(telling);
  giveUp.signal.throwIfAborted();
  const [truncations, askedAgain, backlogs, longSnapshots, , freezes, erasures] = await Promise.all(lanes);
  return { kills, freezes, truncations, askedAgain, erasures, backlogs, longSnapshots, ...collected, ms: clock.elapsedMs() };
}

function progressLine(clock: Clock, { counts }: Appender, publisher: Publisher, kills: Record<Kind, number>): string {
  const killed = KINDS.map((kind) => `${kind} ${kills[kind]}`).join(', ');
  return `${Math.round(clock.elapsedMs() / 1_000)} s  ${counts.acknowledged} appends, ${publisher.counts.published} messages; killed: ${killed}`;
}
