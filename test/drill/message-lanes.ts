/** Publishers side by side, and the person who redrives what dies. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '../../src/postgres/pool.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { redriveWork } from '../../src/work/redrive.ts';
import type { Clock } from './clock.ts';
import { SCHEMA } from './drill-settings.ts';
import { unlessOut } from './outage.ts';
import type { Publication, Publisher } from './publisher.ts';
import type { Random } from './random.ts';

const LANES = 4;
const KEYS = 12;
/** Messages of one transaction, at most; now and then so many that they run in a burst. */
const MOST_MESSAGES = 4;
const FLOOD = 40;

export interface PublishLanesOptions {
  clock: Clock;
  random: Random;
  publisher: Publisher;
  /** Transactions a second of all lanes together. */
  perSecond: number;
  /** When time is up and there are so many, none is added: see append-lanes.ts. */
  least: number;
}

export async function runPublishLanes(options: PublishLanesOptions): Promise<void> {
  await Promise.all(Array.from({ length: LANES }, (_, lane) => runLane(lane, options)));
}

async function runLane(lane: number, { clock, random: shared, publisher, perSecond, least }: PublishLanesOptions): Promise<void> {
  const random = shared.fork(`publisher ${lane}`);
  for (let number = 0; ; number += 1) {
    await delay(random.waitMs((LANES * 1_000) / perSecond));
    if (clock.isOver()) return;
    if (clock.isLate() && publisher.counts.published >= least) continue;
    const publications = publicationsOf(random, `message-${lane}-${number}`);
    if (random.chance(0.1)) {
      await publisher.publishAndRollBack(publications);
      continue;
    }
    const isKeyed = publications.every(({ options }) => options.dedupeKey !== undefined);
    // Twice at the same moment, or once more later.
    if (isKeyed && random.chance(0.5)) {
      await Promise.all([publisher.publish(publications), publisher.publish(publications)]);
    } else {
      await publisher.publish(publications);
      if (isKeyed) await publisher.publish(publications);
    }
  }
}

/** Of one transaction: of one ordering key, or of none. */
function publicationsOf(random: Random, name: string): Publication[] {
  const key = random.chance(0.6) ? { orderingKey: `key-${random.integer(1, KEYS)}` } : {};
  const isDeduped = random.chance(0.15);
  const count = random.chance(0.02) ? FLOOD : random.integer(1, MOST_MESSAGES);
  return Array.from({ length: count }, (_, index) => {
    const own = `${name}-${index}`;
    return {
      topic: random.chance(0.7) ? 'drill-event' : 'drill-note',
      task: {
        name: own,
        takesMs: random.chance(0.02) ? random.integer(500, 1_500) : random.integer(0, 30),
        failures: random.chance(0.1) ? random.integer(1, 3) : 0,
        givesUp: random.chance(0.02),
      },
      options: {
        ...key,
        ...(isDeduped ? { dedupeKey: own } : {}),
        ...(random.chance(0.05) ? { notBefore: new Date(Date.now() + random.integer(0, 2_000)) } : {}),
      },
    };
  });
}

const REDRIVE_EVERY_MS = 300;

/** Until it is told to end. @returns ends it; how many deliveries it has redriven */
export function startRedriving(pool: Pool): () => Promise<number> {
  const db = inSchema(pool, SCHEMA);
  let isOver = false;
  let redriven = 0;
  const redrive = () =>
    unlessOut(async () => {
      redriven += await redriveWork(db, { workflow: 'delivery' });
    });
  const lane = (async () => {
    while (!isOver) {
      // Two people at the same moment: each delivery still has one new epoch.
      await Promise.all([redrive(), redrive()]);
      await delay(REDRIVE_EVERY_MS);
    }
  })();
  lane.catch(() => {});
  return async () => {
    isOver = true;
    await lane;
    return redriven;
  };
}
