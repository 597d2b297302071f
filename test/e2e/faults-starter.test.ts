/** Whatever dies around the start of an execution, its unit runs, and takes effect once. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { temporalAddress } from '../support/servers.ts';
import { INVALID_ARGUMENT, startTemporalProxy, type TemporalProxy } from '../support/temporal-proxy.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

const START = 'StartWorkflowExecution';

let fixture: TidemarkFixture;
let proxy: TemporalProxy;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
  proxy = await startTemporalProxy(temporalAddress());
});
afterEach(async () => {
  await fixture.close();
  await proxy.close();
});

test('a starter that is killed between claim and start: another claims it again under the same execution', async () => {
  const dying = await fixture.starterProcess({}, proxy.address);
  proxy.interfere(START, 'hold-request');
  const [id] = (await fixture.ask([{}])) as [string];
  await proxy.untilHeld(START);
  const { state, execution, epoch } = await fixture.work.row(id);
  expect(state).toBe('claimed');
  await dying.kill();
  await fixture.worker();
  await fixture.untilState(id, 'done');
  expect(await fixture.work.row(id)).toMatchObject({ execution, epoch, attempt: 1 });
  expect(await fixture.counters()).toMatchObject({ expired_lease: 1, gone_execution: 0 });
  await fixture.expectExactlyOnce([id]);
}, 60_000);

test('a starter that is killed between start and mark: the unit runs once all the same', async () => {
  const dying = await fixture.starterProcess({}, proxy.address);
  proxy.interfere(START, 'hold-answer');
  const [id] = (await fixture.ask([{}])) as [string];
  await proxy.untilHeld(START);
  await dying.kill();
  expect((await fixture.work.row(id)).state).toBe('claimed');
  await fixture.worker();
  await fixture.untilState(id, 'done');
  expect(await fixture.runs(id)).toHaveLength(1);
  await fixture.expectExactlyOnce([id]);
}, 60_000);
