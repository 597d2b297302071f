/** Temporal forgets, Postgres goes back in time, somebody ends a run by hand: the row is the truth, and the work gets done. */
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { createTestDirectory, startTestTemporal } from '../support/servers.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

const SWEEPS_OFTEN = { sweepEveryMs: 200, staleAfterMs: 500, pendingAfterMs: 500 };

let fixture: TidemarkFixture;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
});
afterEach(() => fixture.close());

const one = async (...asked: Parameters<TidemarkFixture['ask']>) => (await fixture.ask(...asked))[0] as string;

test("Temporal's data are wiped under running work: each unit runs again in a new epoch, and takes effect once", async () => {
  const directory = await createTestDirectory();
  let temporal: EmbeddedTemporal | undefined;
  try {
    temporal = await startTestTemporal(directory.path);
    const { address } = temporal;
    const port = Number(address.split(':')[1]);
    const worker = await fixture.workerProcess({ address, starter: SWEEPS_OFTEN });
    const gate = { gate: 'go' };
    const ids = [...(await fixture.ask([gate, gate])), await one([gate], { workflow: 'long-step' })];
    for (const id of ids) await fixture.untilRuns(id, 1);
    const before = await Promise.all(ids.map((id) => fixture.work.row(id)));

    await temporal.kill();
    const meanwhile = await fixture.ask([{}, {}]);
    await rm(dirname(temporal.dataFile as string), { recursive: true });
    temporal = await startTestTemporal(directory.path, { port });
    for (const { id, epoch } of before) {
      await until(`${id} has begun again`, async () => {
        const row = await fixture.work.row(id);
        return row.epoch !== epoch && row.fence !== null;
      });
    }
    expect(await fixture.counters()).toMatchObject({ gone_execution: 3, pending_without_unit: 0 });
    // Old attempts and new ones go on together, in the worker that has lived through all this.
    await fixture.openGate('go');
    await fixture.untilAll(['done'], 40_000);
    await Promise.all(ids.map((id) => fixture.untilPassed(id, worker.pid)));
    await fixture.expectExactlyOnce([...ids, ...meanwhile]);
    await worker.kill();
  } finally {
    await temporal?.stop();
    await directory.remove();
  }
}, 90_000);

test('Temporal is killed under running work and comes back: nothing is lost, nothing is done twice', async () => {
  const directory = await createTestDirectory();
  let temporal: EmbeddedTemporal | undefined;
  try {
    temporal = await startTestTemporal(directory.path);
    const port = Number(temporal.address.split(':')[1]);
    const worker = await fixture.workerProcess({ address: temporal.address });
    const running = await one([{ gate: 'go' }]);
    await fixture.untilRuns(running, 1);
    await temporal.kill();
    const meanwhile = await fixture.ask([{}, {}, {}]);
    await fixture.openGate('go');
    // Its end needs no Temporal.
    await fixture.untilState(running, 'done');
    temporal = await startTestTemporal(directory.path, { port });
    await fixture.untilAll(['done'], 40_000);
    await fixture.expectExactlyOnce([running, ...meanwhile]);
    expect((await fixture.counters()).gone_execution).toBe(0);
    await worker.kill();
  } finally {
    await temporal?.stop();
    await directory.remove();
  }
}, 90_000);

test.each(['terminated', 'cancelled'] as const)(
  'a run that is %s by hand: its unit runs again in a new epoch',
  async (end) => {
    await fixture.worker({ starter: SWEEPS_OFTEN });
    const id = await one([{ needs: 'store' }]);
    await fixture.untilRuns(id, 4);
    const { epoch, execution } = await fixture.work.row(id);
    const handle = (await fixture.client()).workflow.getHandle(execution as string);
    if (end === 'terminated') await handle.terminate('by hand');
    else await handle.cancel();
    await until('it has a new epoch', async () => (await fixture.work.row(id)).epoch !== epoch);
    await fixture.openGate('store');
    await fixture.untilState(id, 'done');
    const after = await fixture.work.row(id);
    expect(Number(after.epoch)).toBeGreaterThan(Number(epoch));
    expect(after.execution).toMatch(/\/r\d+$/);
    expect(await fixture.counters()).toMatchObject({ gone_execution: 1 });
    await fixture.expectExactlyOnce([id]);
  },
  60_000,
);

test('Postgres is restored from an older backup: what it knows of is done again, whatever Temporal has run since', async () => {
  await fixture.database.ownerPool.query(BACKUP_FUNCTIONS);
  await fixture.work.log('l');
  await fixture.work.append('l', { data: {}, pending: 'step' });
  const worker = await fixture.worker({ starter: SWEEPS_OFTEN });
  await fixture.untilState('step/l/0', 'done');
  const finished = (await fixture.ask([{}]))[0] as string;
  await fixture.untilAll(['done']);
  await worker.stop();
  // In the backup: one unit done, one ready, one started, as they stood while work went on.
  const [ready] = (await fixture.ask([{}])) as [string];
  const [started] = (await fixture.ask([{}], { workflow: 'long-step' })) as [string];
  await fixture.work.markAll(await fixture.work.claim({ maxInFlight: 1 }));
  await fixture.database.ownerPool.query(`select public.back_up()`);

  // After it: all of that is done, and entries are appended that the backup knows nothing of.
  await fixture.work.db.query(`update tidemark.work set state = 'ready', claim_token = null where state = 'started'`);
  const second = await fixture.worker({ starter: SWEEPS_OFTEN });
  await fixture.work.append('l', { data: {}, pending: 'step' }, { data: {}, pending: 'step' });
  await fixture.untilAll(['done']);
  // A run that Temporal has not heard the end of when it is first looked at is looked at again a minute later.
  const client = await fixture.client();
  for (const id of Object.keys(await fixture.work.states())) {
    const run = client.workflow.getHandle(await fixture.executionOf(id));
    await until(`${id} is over in Temporal, too`, async () => (await run.describe()).status.name !== 'RUNNING');
  }
  await second.stop();

  await fixture.database.ownerPool.query(`select public.restore()`);
  expect(await fixture.work.states()).toMatchObject({ [finished]: 'done' });
  expect(Object.keys(await fixture.work.states())).toHaveLength(4);
  await fixture.worker({ starter: SWEEPS_OFTEN });
  // The same ids again, with other data: their closed runs, and epochs that come back, are stepped over.
  await fixture.work.append('l', { data: {}, pending: 'step' }, { data: {}, pending: 'step' });
  await fixture.untilAll(['done']);
  await fixture.expectExactlyOnce([finished, ready, started, 'step/l/0', 'step/l/1', 'step/l/2']);
});

/** Every table of Tidemark and of the test as it is now, with the sequence of epochs, and back to that. */
const BACKUP_FUNCTIONS = `
  create schema backup;
  create function public.back_up() returns void language plpgsql as $$
  declare t record;
  begin
    for t in select schemaname as s, tablename as n from pg_tables where schemaname = 'tidemark' or schemaname = 'public' and tablename in ('effect', 'ended') loop
      execute format('create table backup.%I as table %I.%I', t.n, t.s, t.n);
    end loop;
    create table backup.work_epoch as select last_value from tidemark.work_epoch;
  end $$;
  create function public.restore() returns void language plpgsql as $$
  declare t record;
  begin
    set local session_replication_role = replica;
    for t in select schemaname as s, tablename as n from pg_tables where schemaname = 'tidemark' or schemaname = 'public' and tablename in ('effect', 'ended') loop
      execute format('delete from %I.%I', t.s, t.n);
      execute format('insert into %I.%I overriding system value select * from backup.%I', t.s, t.n, t.n);
    end loop;
    perform setval('tidemark.work_epoch', (select last_value from backup.work_epoch));
  end $$`;
