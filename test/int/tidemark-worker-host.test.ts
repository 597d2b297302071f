/** TemporalWorkerHost makes sure that a unit exists and reports what becomes of it; it starts nothing itself. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  createMemoryBlobStore,
  createTidemark,
  defineEntryWork,
  type PendingWorkflowMessage,
  resendPending,
  TemporalWorkerHost,
  type Tidemark,
  type WorkerReport,
} from '../../src/index.ts';
import { expectWork, runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { order } from '../support/order-app.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let tidemark: Tidemark;
let behaviour: (progress: (value: unknown) => Promise<void>) => Promise<void> = async () => {};
const pack = defineEntryWork({ name: 'pack', maxAttempts: 1, handler: (_, { progress }) => behaviour(progress) });
const hosts: TemporalWorkerHost[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  tidemark = createTidemark({ db: database.pool, logTypes: [order], entryWork: [pack], blobs: createMemoryBlobStore() });
});

afterEach(async () => {
  behaviour = async () => {};
  await Promise.all(hosts.splice(0).map((host) => host.close()));
});

afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

function createHost(db: ConstructorParameters<typeof TemporalWorkerHost>[0]['db'] = database.pool) {
  const host = new TemporalWorkerHost({ db, pollMs: 5 });
  const reports: WorkerReport[] = [];
  host.onReport = (report) => reports.push(report);
  hosts.push(host);
  return { host, reports };
}

async function place(): Promise<PendingWorkflowMessage> {
  const logId = `o-${randomUUID().slice(0, 8)}`;
  await tidemark.log(order, logId).append({ type: 'Placed', qty: 1 }, { expect: 'any', pending: 'pack', actor: 'ada' });
  return { type: 'PendingWorkflowMessage', logId, workflow: 'pack', sequenceId: 0n };
}

/** As after the restore of an older work table, say: the entry is pending and nothing is there to do it. */
const loseUnit = ({ logId }: PendingWorkflowMessage) => database.ownerPool.query('delete from tidemark.work where log_id = $1', [logId]);

describe('posting', () => {
  test('restores the unit of a pending entry that has none, with who asked for it', async () => {
    const message = await place();
    await loseUnit(message);
    createHost().host.postMessage(message);
    expect(await expectWork(tidemark, { log: message.logId, state: 'ready', count: 1, withinMs: 5_000 })).toMatchObject([
      { actor: 'ada', group: 'order' },
    ]);
    await runUntilIdle(tidemark);
    await expectWork(tidemark, { log: message.logId, state: 'done' });
  });

  test('leaves a live unit, and one that is there twice makes one', async () => {
    const message = await place();
    const { host } = createHost();
    for (let count = 0; count < 10; count += 1) host.postMessage(message);
    await host.close();
    const { rows } = await database.pool.query('select epoch = first_epoch as untouched from tidemark.work where log_id = $1', [
      message.logId,
    ]);
    expect(rows).toEqual([{ untouched: true }]);
  });

  test('leaves a dead unit dead, and reports its error', async () => {
    const message = await place();
    behaviour = async () => {
      throw new Error('no boxes left');
    };
    await runUntilIdle(tidemark);
    const { host, reports } = createHost();
    host.postMessage(message);
    await until('the report', () => reports.length > 0);
    expect(reports).toMatchObject([{ type: 'error', workflow: 'pack', sequenceId: 0n, error: { message: 'no boxes left' } }]);
    await expectWork(tidemark, { log: message.logId, state: 'dead' });
  });

  test('reports done at once for an entry that is not pending any more, and adds nothing', async () => {
    const message = await place();
    await runUntilIdle(tidemark);
    await loseUnit(message);
    const { host, reports } = createHost();
    host.postMessage(message);
    await until('the report', () => reports.length > 0);
    expect(reports).toEqual([{ type: 'done', workflow: 'pack', sequenceId: 0n }]);
    await expectWork(tidemark, { log: message.logId, count: 0 });
  });

  test('reports progress as it is recorded, each once, then done', async () => {
    const message = await place();
    const { host, reports } = createHost();
    host.postMessage(message);
    const reported = (count: number) => until(`${count} reports`, () => reports.length === count);
    behaviour = async (progress) => {
      await progress({ fraction: 0.25, message: 'box found' });
      await reported(1);
      await progress(0.5);
      await reported(2);
    };
    await runUntilIdle(tidemark);
    await reported(3);
    expect(reports).toEqual([
      { type: 'progress', workflow: 'pack', sequenceId: 0n, fraction: 0.25, message: 'box found' },
      { type: 'progress', workflow: 'pack', sequenceId: 0n, fraction: 0.5 },
      { type: 'done', workflow: 'pack', sequenceId: 0n },
    ]);
  });

  test('a pending name that nobody has registered is an error report', async () => {
    const message = await place();
    await runUntilIdle(tidemark);
    // Only a writer that goes around the functions can leave such an entry.
    await database.ownerPool.query('alter table tidemark.entries disable trigger entry_pending_set');
    await database.ownerPool.query("update tidemark.entries set pending = 'no-such-work' where log_id = $1", [message.logId]);
    await database.ownerPool.query('alter table tidemark.entries enable trigger entry_pending_set');
    const { host, reports } = createHost();
    host.postMessage({ ...message, workflow: 'no-such-work' });
    await until('the report', () => reports.length > 0);
    expect(reports).toMatchObject([{ type: 'error', error: { code: 'unknown_workflow' } }]);
    await database.ownerPool.query('update tidemark.entries set pending = null where log_id = $1', [message.logId]);
  });

  test('before its entry is committed is an error report', async () => {
    const message = await place();
    const { host, reports } = createHost();
    host.postMessage({ ...message, sequenceId: 1n });
    host.postMessage({ ...message, logId: 'never-made', sequenceId: 0n });
    await until('both reports', () => reports.length === 2);
    reports.sort((a, b) => Number(b.sequenceId - a.sequenceId));
    expect(reports).toMatchObject([
      { type: 'error', sequenceId: 1n, error: { code: 'invalid_input' } },
      { type: 'error', sequenceId: 0n, error: { code: 'invalid_input' } },
    ]);
    await runUntilIdle(tidemark);
  });

  test('while Postgres is away is done when it is back', async () => {
    const message = await place();
    await loseUnit(message);
    let failures = 2;
    const { host, reports } = createHost({
      async query(text, values) {
        if (failures > 0) {
          failures -= 1;
          throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
        }
        return database.pool.query(text, values);
      },
    });
    host.postMessage(message);
    await expectWork(tidemark, { log: message.logId, state: 'ready', withinMs: 5_000 });
    await runUntilIdle(tidemark);
    await until('the report', () => reports.length > 0);
    expect(reports).toMatchObject([{ type: 'done' }]);
  });

  test('all that is pending, at launch', async () => {
    const message = await place();
    await loseUnit(message);
    const { host, reports } = createHost();
    expect(await resendPending(tidemark.log(order, message.logId).eventLog, host)).toBe(1);
    await expectWork(tidemark, { log: message.logId, state: 'ready', withinMs: 5_000 });
    await runUntilIdle(tidemark);
    await until('the report', () => reports.length > 0);
    expect(await resendPending(tidemark.log(order, message.logId).eventLog, host)).toBe(0);
  });
});
