/** A unit that kills its worker each time it runs dies alone. Both at once, each in a database of its own: most of it is waiting for what a killed worker leaves. */
import { expect, test } from 'vitest';
import { createTidemarkFixture, type StarterSettings, type TidemarkFixture } from '../support/tidemark-fixture.ts';

/** Two workers at a time. */
async function withWorkers(settings: StarterSettings, body: (fixture: TidemarkFixture) => Promise<void>): Promise<void> {
  const fixture = await createTidemarkFixture();
  try {
    await fixture.supervise(2, settings);
    await body(fixture);
  } finally {
    await fixture.close();
  }
}

async function diesAlone(fixture: TidemarkFixture, poison: string, innocents: string[]): Promise<void> {
  await fixture.untilState(poison, 'dead', 120_000);
  await fixture.untilAll(['done', 'dead'], 60_000);
  // Five times in a row; where the machine is slow, attempts that were cancelled in time come before those.
  expect(await fixture.work.row(poison)).toMatchObject({ state: 'dead', unended: 5, error: { code: 'worker_died' } });
  expect(await fixture.work.count('dead')).toBe(1);
  await fixture.expectExactlyOnce(innocents);
}

test.concurrent('alone: dead after five times, and what ran beside it each time is done', async () => {
  await withWorkers({}, async (fixture) => {
    const scripts = [{ kills: true }, ...Array.from({ length: 20 }, () => ({ takesMs: 1_500 }))];
    const [poison, ...innocents] = (await fixture.ask(scripts)) as [string, ...string[]];
    await diesAlone(fixture, poison, innocents);
  });
}, 180_000);

test.concurrent('in a burst: it leaves that, and is dead; all the others are done', async () => {
  await withWorkers({ claim: { maxInFlight: 4, burstThreshold: 4, burstSize: 30, maxBursts: 2 } }, async (fixture) => {
    const scripts = Array.from({ length: 60 }, (_, n) => (n === 20 ? { kills: true } : { takesMs: 20 }));
    const ids = await fixture.ask(scripts);
    await diesAlone(
      fixture,
      ids[20] as string,
      ids.filter((_, n) => n !== 20),
    );
  });
}, 180_000);
