/** A unit that kills its worker each time it runs dies alone. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';

let fixture: TidemarkFixture;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
});
afterEach(() => fixture.close());

async function diesAlone(poison: string, innocents: string[]): Promise<void> {
  await fixture.untilState(poison, 'dead', 120_000);
  await fixture.untilAll(['done', 'dead'], 60_000);
  // Five times in a row; where the machine is slow, attempts that were cancelled in time come before those.
  expect(await fixture.work.row(poison)).toMatchObject({ state: 'dead', unended: 5, error: { code: 'worker_died' } });
  expect(await fixture.work.count('dead')).toBe(1);
  await fixture.expectExactlyOnce(innocents);
}

test('alone: dead after five times, and what ran beside it each time is done', async () => {
  await fixture.supervise(2);
  const [poison, ...innocents] = (await fixture.ask([{ kills: true }, ...Array.from({ length: 20 }, () => ({ takesMs: 1_500 }))])) as [
    string,
    ...string[],
  ];
  await diesAlone(poison, innocents);
}, 180_000);

test('in a burst: it leaves that, and is dead; all the others are done', async () => {
  await fixture.supervise(2, { claim: { maxInFlight: 4, burstThreshold: 4, burstSize: 30, maxBursts: 2 } });
  const scripts = Array.from({ length: 60 }, (_, n) => (n === 20 ? { kills: true } : { takesMs: 20 }));
  const ids = await fixture.ask(scripts);
  await diesAlone(
    ids[20] as string,
    ids.filter((_, n) => n !== 20),
  );
}, 180_000);
