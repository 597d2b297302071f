/** Whatever happens around the start of an execution, its unit runs, and takes effect once. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { temporalAddress } from '../support/servers.ts';
import { INVALID_ARGUMENT, RESOURCE_EXHAUSTED, startTemporalProxy, type TemporalProxy } from '../support/temporal-proxy.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

const START = 'StartWorkflowExecution';

let fixture: TidemarkFixture;
let proxy: TemporalProxy;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
});
afterEach(async () => {
  await fixture.close();
  proxy.interfere(START, undefined);
  proxy.forget();
});
beforeAll(async () => {
  proxy = await startTemporalProxy(temporalAddress());
});
afterAll(() => proxy.close());

const claims = async () => {
  const { rows } = await fixture.database.ownerPool.query('select count(*)::integer as claims from public.load_record');
  return rows[0].claims as number;
};
/** Starters beside a worker that starts nothing itself. */
const workerThatStartsNothing = () => fixture.worker({ starter: false });

test('a starter that is killed between claim and start: another claims the same execution', async () => {
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

test('a start whose answer is lost: the unit runs once all the same', async () => {
  await workerThatStartsNothing();
  proxy.interfere(START, 'hold-answer');
  const starter = await fixture.starterProcess({ startDeadlineMs: 500 }, proxy.address);
  const ids = await fixture.ask([{ gate: 'go' }, {}]);
  await until('the starter has given its starts up', () => starter.output.some((line) => line.includes('start:')), 30_000);
  proxy.interfere(START, undefined);
  await fixture.openGate('go');
  await fixture.untilAll(['done']);
  expect(await fixture.runs()).toHaveLength(2);
  await fixture.expectExactlyOnce(ids);
}, 60_000);

test('a starter that is paused past its lease changes nothing when it wakes', async () => {
  const paused = await fixture.starterProcess({}, proxy.address);
  proxy.interfere(START, 'hold-request');
  const [id] = (await fixture.ask([{ gate: 'go' }])) as [string];
  await proxy.untilHeld(START);
  paused.pause();
  const { claim_token: token } = await fixture.work.row(id);
  await fixture.worker();
  await fixture.untilRuns(id, 1);
  const before = await fixture.work.row(id);
  expect(before).toMatchObject({ state: 'started', attempt: 1 });
  expect(before.claim_token).not.toBe(token);
  paused.resume();
  await until('it has given its start up', () => paused.output.some((line) => line.includes('start:')));
  // Its next claim is after its release of this one.
  proxy.interfere(START, undefined);
  const more = await fixture.ask([{}, {}, {}]);
  await until('the others are done', async () => (await fixture.work.count('done')) === 3);
  expect(await fixture.work.row(id)).toEqual(before);
  await fixture.openGate('go');
  await fixture.untilAll(['done']);
  await fixture.expectExactlyOnce([id, ...more]);
}, 60_000);

test("two starters hold a group's cap, and both start", async () => {
  await fixture.work.group('ledger', { cap: 3 });
  await workerThatStartsNothing();
  await Promise.all([
    fixture.starterProcess({ claim: { maxInFlight: 10, burstSize: 0 } }),
    fixture.starterProcess({ claim: { maxInFlight: 10, burstSize: 0 } }),
  ]);
  const ids = await fixture.ask(Array.from({ length: 30 }, () => ({ takesMs: 20 })));
  await fixture.untilAll(['done']);
  expect(await fixture.load.peak('ledger')).toBe(3);
  await fixture.expectExactlyOnce(ids);
}, 60_000);

test.each([
  ['a starter alone', 'starter'],
  ["a worker's own", 'worker'],
])(
  'while Temporal does not answer the loop neither dies nor spins, and goes on when it does: %s',
  async (_, kind) => {
    const process =
      kind === 'starter' ? await fixture.starterProcess({}, proxy.address) : await fixture.workerProcess({ address: proxy.address });
    if (kind === 'starter') await workerThatStartsNothing();
    await proxy.shut();
    const since = performance.now();
    const ids = await fixture.ask([{}, {}, {}]);
    await until('the loop has tried for 4 s', () => performance.now() - since > 4_000);
    // At most: 100, 200, 400 … 5,000 ms between them, with a few claims in hand at once.
    expect(await claims()).toBeGreaterThan(0);
    expect(await claims()).toBeLessThan(20);
    expect(await fixture.work.count('done')).toBe(0);
    await proxy.open();
    await fixture.untilAll(['done'], 30_000);
    await fixture.expectExactlyOnce(ids);
    expect(process.hasEnded()).toBe(false);
    expect(await fixture.counters()).toMatchObject({ gone_execution: 0 });
  },
  60_000,
);

test('while Temporal is overloaded it is called less and less, and everything is started when it is not', async () => {
  proxy.interfere(START, { status: RESOURCE_EXHAUSTED, message: 'namespace rate limit exceeded' });
  await workerThatStartsNothing();
  await fixture.starterProcess({}, proxy.address);
  const ids = await fixture.ask(Array.from({ length: 10 }, () => ({})));
  const since = performance.now();
  await until('the starter was refused for 4 s', () => performance.now() - since > 4_000);
  expect(proxy.calls(START)).toBeGreaterThan(0);
  expect(proxy.calls(START)).toBeLessThan(400);
  expect(await claims()).toBeLessThan(20);
  proxy.interfere(START, undefined);
  await fixture.untilAll(['done'], 20_000);
  await fixture.expectExactlyOnce(ids);
}, 60_000);

test.each([
  ['a starter', async () => void (await Promise.all([workerThatStartsNothing(), fixture.starterProcess({}, proxy.address)]))],
  ["a worker's own starter", async () => void (await fixture.worker({ address: proxy.address }))],
])(
  'what Temporal will never take from %s is dead, with its reason; its neighbours are not harmed',
  async (_, begin) => {
    proxy.interfere(START, { status: INVALID_ARGUMENT, message: 'WorkflowId length exceeds limit' });
    await begin();
    const [refused] = (await fixture.ask([{}])) as [string];
    await fixture.untilState(refused, 'dead');
    expect((await fixture.work.row(refused)).error).toMatchObject({
      code: 'start_refused',
      message: expect.stringContaining('exceeds limit'),
    });
    proxy.interfere(START, undefined);
    const [next] = (await fixture.ask([{}])) as [string];
    await fixture.untilState(next, 'done');
  },
  60_000,
);

test('a namespace that has lost its search attributes costs them, and no work', async () => {
  await workerThatStartsNothing();
  await fixture.starterProcess({}, proxy.address);
  const message = 'Namespace default has no mapping defined for search attribute LogId';
  proxy.interfere(START, { status: INVALID_ARGUMENT, message, ofThoseWith: 'LogId' });
  const [id] = (await fixture.ask([{}])) as [string];
  await fixture.untilState(id, 'done');
  expect(proxy.calls(START)).toBe(2);
}, 60_000);

test('work of a workflow that no worker knows waits for one that does', async () => {
  const [id] = (await fixture.ask([{}])) as [string];
  await fixture.database.ownerPool.query(`delete from tidemark.workflow_name where name = 'step'`);
  await fixture.starterProcess();
  const [other] = (await fixture.ask([{}], { workflow: 'other-step' })) as [string];
  await until('what is known was started', async () => (await fixture.work.row(other)).state === 'started');
  expect(await fixture.work.row(id)).toMatchObject({ state: 'ready', claim_token: null });
  await fixture.worker();
  await fixture.untilAll(['done']);
  await fixture.expectExactlyOnce([id, other]);
}, 60_000);

test('work of which no hint tells is found all the same: the poll is the guarantee', async () => {
  await fixture.worker();
  for (let round = 0; round < 3; round += 1) {
    // By plain SQL, which sends none.
    const [id] = (await fixture.ask([{}])) as [string];
    await fixture.untilState(id, 'done', 5_000);
  }
}, 60_000);

test('two installations on one Temporal server, with the same ids: each runs its own', async () => {
  const other = await createTidemarkFixture();
  try {
    const ids = await fixture.ask([{}, {}, { gate: 'go' }]);
    expect(await other.ask([{}, {}, { gate: 'go' }])).toEqual(ids);
    await fixture.worker();
    await other.worker();
    for (const each of [fixture, other]) await each.openGate('go');
    for (const each of [fixture, other]) {
      await each.untilAll(['done']);
      await each.expectExactlyOnce(ids);
      expect(await each.runs()).toHaveLength(3);
    }
    expect(await fixture.executionOf(ids[0] as string)).not.toBe(await other.executionOf(ids[0] as string));
  } finally {
    await other.close();
  }
}, 60_000);
