/** Bursts, and many units at once: what goes wrong with one of them, or with what all of them need. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

/** So that few units make a burst. */
const EARLY_BURSTS = { claim: { maxInFlight: 4, burstThreshold: 4, burstSize: 30, maxBursts: 2 } };

let fixture: TidemarkFixture;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
});
afterEach(() => fixture.close());

const burstsStarted = async () => {
  const { rows } = await fixture.database.pool.query(
    `select count(distinct execution)::integer as bursts from tidemark.work where execution like '%/burst/%'`,
  );
  return rows[0].bursts as number;
};

test('a burst whose one unit fails: that one is tried alone, and dead there; the others are done', async () => {
  const ids = await fixture.ask(Array.from({ length: 50 }, (_, n) => (n === 20 ? { fails: 'no such customer' } : {})));
  await fixture.worker({ starter: EARLY_BURSTS });
  const failing = ids[20] as string;
  await fixture.untilState(failing, 'dead');
  await fixture.untilAll(['done', 'dead']);
  expect(await burstsStarted()).toBeGreaterThan(0);
  expect(await fixture.work.row(failing)).toMatchObject({ alone: true, error: { message: 'no such customer' } });
  expect((await fixture.work.row(failing)).execution).toContain(`/${failing}/r`);
  // Once in the burst, and then alone until it had failed three times.
  expect(await fixture.runs(failing)).toHaveLength(3);
  await fixture.expectExactlyOnce(ids.filter((id) => id !== failing));
}, 60_000);

test('a burst whose store is down is tried again as a whole, until that is up; nothing is dead, nothing runs alone', async () => {
  const ids = await fixture.ask(Array.from({ length: 50 }, () => ({ needs: 'store' })));
  await fixture.worker({ starter: EARLY_BURSTS });
  await until('the bursts were tried twice', async () => (await fixture.runs(ids[0])).length >= 2);
  expect(await fixture.work.count('done')).toBe(0);
  expect(await fixture.work.count('started', 'burst_id is not null')).toBeGreaterThanOrEqual(30);
  await fixture.openGate('store');
  await fixture.untilAll(['done']);
  expect(await fixture.work.count('done', 'alone')).toBe(0);
  await fixture.expectExactlyOnce(ids);
}, 60_000);

test('units that wait for their store alone are tried again when it is up', async () => {
  const ids = await fixture.ask([{ needs: 'store' }, { needs: 'store' }]);
  const longIds = await fixture.ask([{ needs: 'store' }], { workflow: 'long-step' });
  await fixture.worker();
  await until('each was tried four times', async () =>
    (await Promise.all([...ids, ...longIds].map((id) => fixture.runs(id)))).every((runs) => runs.length >= 4),
  );
  expect(await fixture.work.count('started', `error ->> 'code' = 'unavailable'`)).toBe(3);
  await fixture.openGate('store');
  await fixture.untilAll(['done']);
  await fixture.expectExactlyOnce([...ids, ...longIds]);
}, 60_000);

test.each([
  ['alone, under maxInFlight', { claim: { burstSize: 0 } }],
  ['in bursts', {}],
])(
  '400 units that keep the processor busy, all at once, %s: each takes effect once, and hardly one is run again',
  async (_, starter) => {
    const ids = await fixture.ask(Array.from({ length: 400 }, () => ({ burnsMs: 10 })));
    await fixture.workerProcess({ starter });
    await fixture.untilAll(['done'], 100_000);
    // Without the cap more than a thousand. What else keeps the machine busy may let a few time out.
    expect((await fixture.runs()).length).toBeLessThanOrEqual(480);
    expect(await fixture.load.peakAlone()).toBeLessThanOrEqual(40);
    await fixture.expectExactlyOnce(ids);
    expect(await fixture.counters()).toMatchObject({ expired_lease: 0, gone_execution: 0, pending_without_unit: 0 });
  },
  120_000,
);
