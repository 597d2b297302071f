/** Whatever happens to the worker that runs a unit, the unit takes effect once. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { temporalAddress } from '../support/servers.ts';
import { startTemporalProxy } from '../support/temporal-proxy.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';
import type { WorkerProcess } from '../support/worker-process.ts';

let fixture: TidemarkFixture;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
});
afterEach(() => fixture.close());

const one = async (...asked: Parameters<TidemarkFixture['ask']>) => (await fixture.ask(...asked))[0] as string;

describe('a worker that is killed', () => {
  test('after the effects of a unit, before its end: another runs it again, and it takes effect once', async () => {
    await fixture.supervise(2);
    const ids = await fixture.ask([{ kills: true, attempts: 1 }, ...Array.from({ length: 5 }, () => ({ takesMs: 100 }))]);
    await fixture.untilAll(['done']);
    expect((await fixture.runs(ids[0])).length).toBeGreaterThan(1);
    await fixture.expectExactlyOnce(ids);
  }, 90_000);

  test('after the end of a unit, before Temporal has heard of it: it is not run again', async () => {
    const proxy = await startTemporalProxy(temporalAddress());
    try {
      proxy.interfere('RespondWorkflowTaskCompleted', 'hold-request');
      const dying = await fixture.workerProcess({ address: proxy.address });
      const id = await one([{}]);
      await fixture.untilState(id, 'done');
      await proxy.untilHeld('RespondWorkflowTaskCompleted');
      const execution = await fixture.executionOf(id);
      await dying.kill();
      await fixture.worker();
      const client = await fixture.client();
      expect(await client.workflow.getHandle(execution).result()).toBe('nothing');
      expect(await fixture.runs(id)).toHaveLength(1);
      await fixture.expectExactlyOnce([id]);
    } finally {
      await proxy.close();
    }
  }, 60_000);
});

describe('a zombie', () => {
  /** A worker that Temporal has lost: it can still do everything else. */
  const lostWorker = async () => {
    const proxy = await startTemporalProxy(temporalAddress());
    return { worker: await fixture.workerProcess({ address: proxy.address }), lose: () => proxy.shut() };
  };
  /** The zombie goes on, and tries to end the unit. */
  const wakeAndExpectNoChange = async (zombie: WorkerProcess, id: string) => {
    const before = await fixture.work.row(id);
    await fixture.openGate('go');
    await fixture.untilPassed(id, zombie.pid);
    let quietLooks = 0;
    await until('the zombie has nothing in hand', async () => {
      const { rows } = await fixture.database.ownerPool.query(
        `select 1 from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()`,
      );
      quietLooks = rows.length === 0 ? quietLooks + 1 : 0;
      return quietLooks === 20;
    });
    expect(await fixture.work.row(id)).toEqual(before);
    await fixture.expectExactlyOnce([id]);
  };

  test.each([
    ['a short unit', 'step'],
    ['a long unit', 'long-step'],
  ])(
    'that wakes after its takeover changes nothing: %s',
    async (_, workflow) => {
      const { worker, lose } = await lostWorker();
      const id = await one([{ gate: 'go', elsewhere: true }], { workflow });
      expect((await fixture.untilRuns(id, 1)).pid).toBe(worker.pid);
      await lose();
      await fixture.worker();
      await fixture.untilState(id, 'done');
      expect((await fixture.work.row(id)).attempt).toBeGreaterThan(1);
      await wakeAndExpectNoChange(worker, id);
    },
    60_000,
  );

  test('whose run was terminated by hand, and whose unit has a new epoch since, changes nothing', async () => {
    const { worker, lose } = await lostWorker();
    const id = await one([{ gate: 'go', elsewhere: true }]);
    await fixture.untilRuns(id, 1);
    const { epoch, execution } = await fixture.work.row(id);
    await lose();
    const client = await fixture.client();
    await client.workflow.getHandle(execution as string).terminate('by hand');
    await fixture.worker({ starter: { sweepEveryMs: 200, staleAfterMs: 200 } });
    await fixture.untilState(id, 'done');
    expect(Number((await fixture.work.row(id)).epoch)).toBeGreaterThan(Number(epoch));
    expect(await fixture.counters()).toMatchObject({ gone_execution: 1 });
    await wakeAndExpectNoChange(worker, id);
  }, 60_000);

  test('whose event loop was blocked past its timeouts: each unit still takes effect once', async () => {
    await fixture.workerProcess();
    await fixture.workerProcess();
    const ids = [
      ...(await fixture.ask([{ burnsMs: 3_500, attempts: 1 }, {}, {}])),
      ...(await fixture.ask([{ burnsMs: 5_500, attempts: 1 }], { workflow: 'long-step' })),
    ];
    await fixture.untilAll(['done']);
    await fixture.expectExactlyOnce(ids);
  }, 90_000);
});

test('work that a worker does not know goes back, and takes no place from what it does', async () => {
  await fixture.work.register('of-another-version');
  const unknown = await fixture.ask(
    Array.from({ length: 6 }, () => ({})),
    { workflow: 'of-another-version' },
  );
  await fixture.worker({ starter: { claim: { maxInFlight: 2 } } });
  await until('each was offered', async () =>
    (await Promise.all(unknown.map((id) => fixture.work.row(id)))).every(({ attempt }) => attempt === 1),
  );
  const known = await fixture.ask([{}, {}, {}]);
  await until('what it knows is done', async () => (await fixture.work.count('done')) === 3);
  await fixture.expectExactlyOnce(known);
  for (const id of unknown) {
    const row = await fixture.work.row(id);
    expect(row).toMatchObject({ state: 'ready', unended: 0, failures: 0, error: null });
    expect(row.not_before.getTime()).toBeGreaterThan(Date.now());
  }
}, 60_000);
