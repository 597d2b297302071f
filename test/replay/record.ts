/**
 * Records a history of every shape that an execution can have, for replay.test.ts: run it (see record.config.ts) after a change of a workflow
 * that is meant to change its commands, and only then. A worker of the new version must still be able to go on with runs of the old one.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogEntry } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { scheduleIdOf } from '../../src/temporal/schedule-settings.ts';
import { installationId } from '../../src/work/register.ts';
import { bankAccount, bankEntryFor } from '../support/bank-account.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';
import { stringifyHistory } from './history-json.ts';

const folder = fileURLToPath(new URL('histories/', import.meta.url));
const EARLY_BURSTS = { claim: { maxInFlight: 2, burstThreshold: 4, burstSize: 12, maxBursts: 1 } };

let fixture: TidemarkFixture;

beforeEach(async () => {
  fixture = await createTidemarkFixture();
});
afterEach(() => fixture.close());

const one = async (...asked: Parameters<TidemarkFixture['ask']>) => (await fixture.ask(...asked))[0] as string;

async function record(shape: string, execution: string): Promise<void> {
  const handle = (await fixture.client()).workflow.getHandle(execution);
  await handle.result().catch(() => {});
  const history = withoutPlaces(await handle.fetchHistory());
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${shape}.json`), stringifyHistory(history));
}

/** A plain copy, without what names the machine: where a stack went through, who the worker was, its sticky queue. */
function withoutPlaces<T>(value: T): T {
  if (typeof value === 'string') return value.replace(/^\d+@.*$/s, 'worker') as T;
  if (Array.isArray(value)) return value.map(withoutPlaces) as T;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, key === 'stackTrace' ? '' : withoutPlaces(held)])) as T;
}

test('short', async () => {
  await fixture.worker();
  const id = await one([{}]);
  await fixture.untilState(id, 'done');
  await record('short', await fixture.executionOf(id));
});

test('short, a snapshot', async () => {
  await fixture.worker();
  await fixture.work.log('account', bankAccount.type);
  const log = createPostgresEventLog({ pool: fixture.database.pool, logId: 'account' });
  await log.addEntry({ ...bankEntryFor(0), pending: 'snapshot' }, 0n);
  await fixture.untilState('snapshot/account/0', 'done');
  await record('snapshot', await fixture.executionOf('snapshot/account/0'));
});

test('short, a compaction', async () => {
  await fixture.worker();
  await fixture.work.log('account', bankAccount.type);
  const log = createPostgresEventLog({ pool: fixture.database.pool, logId: 'account' });
  await log.addEntries([bankEntryFor(0), { ...bankEntryFor(1), pending: 'compact' }], 0n);
  await fixture.untilState('compact/account/1', 'done');
  await record('compact', await fixture.executionOf('compact/account/1'));
});

test('long, an erasure', async () => {
  await fixture.worker();
  await fixture.work.log('people', sheet.type);
  const log = createPostgresEventLog({ pool: fixture.database.pool, logId: 'people' });
  const ranges = [{ row: 0, column: 0, rowCount: 1, columnCount: 1 }];
  const cell = { type: 'SetCellValueAndFormat', row: 0, column: 0, value: 'gone' } as LogEntry;
  await log.addEntries([cell, { type: 'EraseCells', ranges, pending: 'erase' } as LogEntry], 0n);
  await fixture.untilState('erase/people/1', 'done');
  await record('erase', await fixture.executionOf('erase/people/1'));
});

test('long', async () => {
  await fixture.worker();
  const id = await one([{ takesMs: 1_500 }], { workflow: 'long-step' });
  await fixture.untilState(id, 'done');
  await record('long', await fixture.executionOf(id));
});

test('resumed: a long one whose worker was killed', async () => {
  const dying = await fixture.workerProcess();
  const id = await one([{ gate: 'go', elsewhere: true, reports: true }], { workflow: 'long-step' });
  await until('it has made progress', async () => (await fixture.work.row(id)).progress !== null);
  await dying.kill();
  await fixture.worker();
  await fixture.untilState(id, 'done');
  await record('resumed', await fixture.executionOf(id));
});

test('taken over: a short one whose worker was killed', async () => {
  const dying = await fixture.workerProcess();
  const id = await one([{ gate: 'go', elsewhere: true }]);
  await fixture.untilRuns(id, 1);
  await dying.kill();
  await fixture.worker();
  await fixture.untilState(id, 'done');
  await record('taken-over', await fixture.executionOf(id));
});

test('waited: one whose store was down for some attempts', async () => {
  await fixture.worker();
  const id = await one([{ needs: 'store' }]);
  await fixture.untilRuns(id, 6);
  await fixture.openGate('store');
  await fixture.untilState(id, 'done');
  await record('waited', await fixture.executionOf(id));
});

test('waited, and long', async () => {
  await fixture.worker();
  const id = await one([{ needs: 'store' }], { workflow: 'long-step' });
  await fixture.untilRuns(id, 3);
  await fixture.openGate('store');
  await fixture.untilState(id, 'done');
  await record('waited-long', await fixture.executionOf(id));
});

test('later: one whose worker has died twice, behind another of which that is true', async () => {
  const [first, second] = [await one([{ gate: 'go' }]), await one([{}])];
  await fixture.work.db.query('update tidemark.work set unended = 2');
  await fixture.work.db.query(`update tidemark.work set priority = 1 where id = $1`, [second]);
  await fixture.worker({ starter: { claim: { maxOnTheirWay: 1 } } });
  await fixture.untilRuns(first, 1);
  await until('the second one was told to wait', async () => (await fixture.work.row(second)).state === 'started');
  const handle = (await fixture.client()).workflow.getHandle(await fixture.executionOf(second));
  await until('it waits', async () => (await handle.fetchHistory()).events?.some((event) => event.timerStartedEventAttributes));
  await fixture.openGate('go');
  await fixture.untilAll(['done']);
  await record('later', await fixture.executionOf(second));
});

test('dead, and redriven', async () => {
  await fixture.worker();
  const id = await one([{ fails: 'no such customer', attempts: 3 }]);
  await fixture.untilState(id, 'dead');
  await record('dead', await fixture.executionOf(id));
  await fixture.work.db.query('select tidemark.redrive_work($1)', [id]);
  await fixture.untilState(id, 'dead');
  // What failed three times fails for the first three attempts of each life.
  await fixture.work.db.query('update tidemark.entries set data = $1', ['{}']);
  await fixture.work.db.query('select tidemark.redrive_work($1)', [id]);
  await fixture.untilState(id, 'done');
  await record('redriven', await fixture.executionOf(id));
});

test('scheduled: what a schedule starts', async () => {
  await fixture.worker({ starter: { garbage: { everyMs: 86_400_000, graceMs: 86_400_000 } } });
  const id = scheduleIdOf(await installationId(fixture.work.db), 'collect-garbage');
  const handle = (await fixture.client()).schedule.getHandle(id);
  await until('the schedule is there', () => handle.describe().catch(() => undefined));
  await handle.trigger();
  const action = await until('it has fired', async () => (await handle.describe()).info.recentActions[0]?.action);
  await fixture.untilAll(['done']);
  await record('scheduled', action.workflow.workflowId);
});

test('burst', async () => {
  const [first] = await fixture.ask(Array.from({ length: 12 }, () => ({})));
  await fixture.worker({ starter: EARLY_BURSTS });
  await fixture.untilAll(['done']);
  const execution = await fixture.executionOf(first as string);
  expect(execution).toContain('/burst/');
  await record('burst', execution);
});

test('burst with one released, and that one alone', async () => {
  const ids = await fixture.ask(Array.from({ length: 12 }, (_, n) => (n === 5 ? { fails: 'once', attempts: 1 } : {})));
  await fixture.worker({ starter: EARLY_BURSTS });
  await fixture.untilAll(['done']);
  await record('burst-released', await fixture.executionOf(ids[0] as string));
  await record('released', await fixture.executionOf(ids[5] as string));
});

test('burst whose store was down', async () => {
  const ids = await fixture.ask(Array.from({ length: 12 }, () => ({ needs: 'store' })));
  await fixture.worker({ starter: EARLY_BURSTS });
  await fixture.untilRuns(ids[0] as string, 2);
  await fixture.openGate('store');
  await fixture.untilAll(['done']);
  await record('burst-waited', await fixture.executionOf(ids[0] as string));
});
