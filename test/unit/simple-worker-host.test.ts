import { describe, expect, it } from 'vitest';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { HistoryGoneError, InvalidInputError, UnknownWorkflowError } from '../../src/errors.ts';
import type { LogEntry, SequenceId } from '../../src/event-log/event-log.ts';
import { createMemoryEventLog, type MemoryEventLog, type MemoryEventLogOptions } from '../../src/event-log/memory-event-log.ts';
import { readState } from '../../src/snapshots/read-state.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { invokeWorkflow, type WorkflowFunction } from '../../src/worker-hosts/invoke-workflow.ts';
import { resendPending } from '../../src/worker-hosts/resend-pending.ts';
import { SimpleWorker, SimpleWorkerHost } from '../../src/worker-hosts/simple-worker-host.ts';
import type { PendingWorkflowMessage, WorkerReport } from '../../src/worker-hosts/worker-host.ts';
import { type BankAccount, type BankEntry, bankAccount } from '../support/bank-account.ts';

type Entry = BankEntry & LogEntry;

const messageFor = (sequenceId: SequenceId, workflow = 'snapshot'): PendingWorkflowMessage => ({
  type: 'PendingWorkflowMessage',
  logId: 'account',
  workflow,
  sequenceId,
});
const deposit = (cents: number, pending?: string): Entry => ({ type: 'Deposited', cents, ...(pending === undefined ? {} : { pending }) });

/** A host, a worker that takes snapshots, and a log whose entries are posted to it. */
async function createSystem(options: MemoryEventLogOptions = {}) {
  const blobs = await (await createMemoryBlobStore().getRootDir()).getDir('account');
  const worker = new SimpleWorker();
  const host = new SimpleWorkerHost(worker);
  const log = createMemoryEventLog<Entry>({ logId: 'account', workerHost: host, ...options });
  const snapshot: WorkflowFunction<Entry> = async ({ sequenceId, signal }) => ({
    snapshot: await takeSnapshot({ log, blobs, logType: bankAccount, sequenceId, signal }),
  });
  const workflows: Record<string, WorkflowFunction<Entry>> = { snapshot };
  worker.onReceiveMessage = async (message) => {
    await invokeWorkflow(message, { log: () => log, workflows, onReport: worker.postReport });
  };
  const reports: WorkerReport[] = [];
  let wake = () => {};
  host.onReport = (report) => {
    reports.push(report);
    wake();
  };
  return {
    blobs,
    worker,
    host,
    log,
    workflows,
    reports,
    /** Waits for that many ends since the last call. */
    async ended(count: number): Promise<WorkerReport[]> {
      const ends = () => reports.filter(({ type }) => type !== 'progress');
      while (ends().length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return ends().splice(0);
    },
  };
}

const pendingOf = async (log: MemoryEventLog<Entry>) => (await log.queryPending()).map(({ sequenceId }) => sequenceId);
const snapshotOf = async (log: MemoryEventLog<Entry>, sequenceId: SequenceId) =>
  (await log.query(sequenceId, sequenceId + 1n)).entries[0]?.snapshot;
const accountWith = (entries: number, balanceCents: number): BankAccount => ({ owner: null, balanceCents, entries, refused: 0 });

describe('SimpleWorkerHost', () => {
  it('throws where the worker has no message handler', () => {
    const host = new SimpleWorkerHost(new SimpleWorker());
    expect(() => host.postMessage(messageFor(0n))).toThrow(new Error('Worker has no message handler'));
  });

  it('hands a message over in a later turn of the event loop, in the order of posting', async () => {
    const worker = new SimpleWorker();
    const host = new SimpleWorkerHost(worker);
    const handled: SequenceId[] = [];
    const all = new Promise<void>((resolve) => {
      worker.onReceiveMessage = ({ sequenceId }) => {
        handled.push(sequenceId);
        if (handled.length === 3) {
          resolve();
        }
      };
    });
    for (const sequenceId of [1n, 2n, 3n]) {
      host.postMessage(messageFor(sequenceId));
    }
    expect(handled).toEqual([]);
    await Promise.resolve();
    expect(handled).toEqual([]);
    await all;
    expect(handled).toEqual([1n, 2n, 3n]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('reports a handler that %s, once', async (_, handler) => {
    const worker = new SimpleWorker();
    const host = new SimpleWorkerHost(worker);
    worker.onReceiveMessage = handler;
    const report = await new Promise<WorkerReport>((resolve) => {
      host.onReport = resolve;
      host.postMessage(messageFor(7n));
    });
    expect(report).toEqual({ type: 'error', workflow: 'snapshot', sequenceId: 7n, error: new Error('broken') });
  });

  it('warns of a handler that fails while nobody listens', async () => {
    const worker = new SimpleWorker();
    const host = new SimpleWorkerHost(worker);
    worker.onReceiveMessage = () => Promise.reject(new Error('unheard of'));
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    host.postMessage(messageFor(0n));
    expect((await warned).message).toBe('A worker failed on a PendingWorkflowMessage: unheard of');
  });
});

describe('a memory log with a worker host', () => {
  it('posts a message for each entry that is pending, after it is stored, and none for the others', async () => {
    const { log, worker } = await createSystem();
    const posted: PendingWorkflowMessage[] = [];
    const seen: Promise<unknown>[] = [];
    worker.onReceiveMessage = (message) => {
      posted.push(message);
      seen.push(log.query(message.sequenceId, message.sequenceId + 1n).then(({ entries }) => entries[0]?.pending));
    };
    await log.addEntries([deposit(1, 'snapshot'), deposit(2), deposit(3, 'compact')], 0n);
    await expect(log.addEntry(deposit(4, 'snapshot'), 0n)).rejects.toThrow('Cannot append');
    await log.setMetadata(1n, { pending: 'snapshot' });
    await log.setMetadata(1n, { snapshot: 's' });
    await log.setMetadata(2n, { pending: undefined });
    await new Promise((resolve) => setImmediate(resolve));
    expect(posted).toEqual([messageFor(0n), messageFor(2n, 'compact'), messageFor(1n)]);
    expect(await Promise.all(seen)).toEqual(['snapshot', undefined, 'snapshot']);
  });

  it('stores the entry also where posting fails, and reports it', async () => {
    const { log, worker, reports } = await createSystem();
    worker.onReceiveMessage = undefined;
    expect(await log.addEntry(deposit(1, 'snapshot'), 0n)).toEqual({ nextSequenceId: 1n });
    expect(reports).toEqual([{ type: 'error', workflow: 'snapshot', sequenceId: 0n, error: new Error('Worker has no message handler') }]);
    expect(await pendingOf(log)).toEqual([0n]);
  });

  it('with a policy keeps itself in snapshots', async () => {
    const { log, blobs, ended } = await createSystem({ snapshotEvery: 10 });
    for (let index = 0n; index < 35n; index += 1n) {
      await log.addEntry(deposit(1), index);
      if (index % 10n === 9n) {
        await ended(Number(index / 10n) + 1);
      }
    }
    expect(await pendingOf(log)).toEqual([]);
    expect((await log.query('snapshot', 'end')).startSequenceId).toBeGreaterThanOrEqual(27n);
    expect(await readState({ log, blobs, logType: bankAccount })).toEqual({ state: accountWith(35, 35), sequenceId: 35n });
  });
});

describe('invokeWorkflow', () => {
  it('runs the workflow of the entry, sets its result, clears pending and reports progress and the end', async () => {
    const { log, workflows, ended, reports } = await createSystem();
    const given: unknown[] = [];
    workflows.compact = async ({ onProgress, signal, ...context }) => {
      given.push(context);
      onProgress(0.5, 'half way');
      onProgress(1);
      return { history: 'h', snapshot: 's' };
    };
    await log.addEntry(deposit(5, 'compact'), 0n);
    const about = { workflow: 'compact', sequenceId: 0n };
    expect(await ended(1)).toEqual([{ type: 'done', ...about }]);
    expect(reports).toEqual([
      { type: 'progress', ...about, fraction: 0.5, message: 'half way' },
      { type: 'progress', ...about, fraction: 1 },
      { type: 'done', ...about },
    ]);
    expect(given).toEqual([{ log, logId: 'account', sequenceId: 0n, entry: deposit(5, 'compact') }]);
    expect((await log.query('start', 'end')).entries).toEqual([{ ...deposit(5), history: 'h', snapshot: 's' }]);
  });

  it('clears pending for a workflow that has no result', async () => {
    const { log, workflows } = await createSystem();
    await log.addEntry(deposit(1, 'mail'), 0n);
    workflows.mail = async () => {};
    expect(await invokeWorkflow(messageFor(0n, 'mail'), { log: async () => log, workflows })).toBe('completed');
    expect((await log.query('start', 'end')).entries).toEqual([deposit(1)]);
  });

  it('leaves alone what is not pending, is pending for another workflow, or is gone', async () => {
    const { log, workflows, worker } = await createSystem();
    worker.onReceiveMessage = () => {};
    let runs = 0;
    const run = async () => {
      runs += 1;
    };
    const options = {
      log: () => log,
      workflows: { ...workflows, mail: run, snapshot: run },
    };
    await log.addEntries([deposit(1, 'snapshot'), deposit(2, 'mail'), deposit(3)], 0n);
    await log.truncate(1n);
    expect(await invokeWorkflow(messageFor(0n), options)).toBe('truncated');
    expect(await invokeWorkflow(messageFor(1n), options)).toBe('already-done');
    expect(await invokeWorkflow(messageFor(2n, 'nobody'), options)).toBe('already-done');
    expect(runs).toBe(0);
  });

  it('fails for a workflow that nobody knows, an entry that is not there yet, and when it is cancelled; the entry stays pending', async () => {
    const { log, workflows, worker } = await createSystem();
    worker.onReceiveMessage = () => {};
    await log.addEntries([deposit(1, 'nobody'), deposit(2, 'snapshot')], 0n);
    const options = { log: () => log, workflows };
    await expect(invokeWorkflow(messageFor(0n, 'nobody'), options)).rejects.toThrow(UnknownWorkflowError);
    await expect(invokeWorkflow(messageFor(0n, 'nobody'), options)).rejects.toThrow('known: snapshot');
    for (const sequenceId of [2n, 3n, -1n]) {
      await expect(invokeWorkflow(messageFor(sequenceId), options)).rejects.toThrow(InvalidInputError);
    }
    const cancelled = new AbortController();
    const slow = { snapshot: async () => cancelled.abort(new Error('stopped')) };
    await expect(invokeWorkflow(messageFor(1n), { log: () => log, workflows: slow, signal: cancelled.signal })).rejects.toThrow('stopped');
    await expect(invokeWorkflow(messageFor(1n), { ...options, signal: cancelled.signal })).rejects.toThrow('stopped');
    expect(await pendingOf(log)).toEqual([0n, 1n]);
  });

  it('is not fooled by a workflow named like something every object has', async () => {
    const { log, worker, workflows } = await createSystem();
    worker.onReceiveMessage = () => {};
    await log.addEntry(deposit(1, 'constructor'), 0n);
    await expect(invokeWorkflow(messageFor(0n, 'constructor'), { log: () => log, workflows })).rejects.toThrow(UnknownWorkflowError);
  });

  it('truncated under its feet ends without a result', async () => {
    const { log, worker } = await createSystem();
    worker.onReceiveMessage = () => {};
    await log.addEntries([deposit(1, 'snapshot'), deposit(2)], 0n);
    const workflows: Record<string, WorkflowFunction<Entry>> = {
      async snapshot() {
        await log.truncate(1n);
        return { snapshot: 'late' };
      },
    };
    expect(await invokeWorkflow(messageFor(0n), { log: () => log, workflows })).toBe('truncated');
    expect((await log.query('start', 'end')).entries).toEqual([deposit(2)]);
  });
});

describe('the faults of the reference, at this level', () => {
  it('the second snapshot holds what the first one held', async () => {
    const { log, blobs, ended } = await createSystem();
    await log.addEntries([deposit(1), deposit(2), deposit(4, 'snapshot')], 0n);
    await ended(1);
    await log.addEntries([deposit(8), deposit(16, 'snapshot')], 3n);
    await ended(2);
    expect(await pendingOf(log)).toEqual([]);
    await log.truncate(4n);
    expect(await readState({ log, blobs, logType: bankAccount })).toEqual({ state: accountWith(5, 31), sequenceId: 5n });
  });

  it('an older message that comes again changes neither its own snapshot nor a newer one', async () => {
    const { log, blobs, host, ended } = await createSystem();
    await log.addEntries([deposit(1), deposit(2, 'snapshot')], 0n);
    await ended(1);
    await log.addEntries([deposit(4), deposit(8, 'snapshot')], 2n);
    await ended(2);
    const before = [await snapshotOf(log, 1n), await snapshotOf(log, 3n)];
    for (let again = 0; again < 3; again += 1) {
      host.postMessage(messageFor(1n));
    }
    await ended(5);
    await log.truncate(3n);
    host.postMessage(messageFor(1n));
    expect((await ended(6)).every(({ type }) => type === 'done')).toBe(true);
    expect(await snapshotOf(log, 3n)).toBe(before[1]);
    expect(before[0]).toBeDefined();
    expect(await readState({ log, blobs, logType: bankAccount })).toEqual({ state: accountWith(4, 15), sequenceId: 4n });
  });

  it('messages that overlap, for one entry and for several, leave nothing pending', async () => {
    const { log, blobs, host, ended } = await createSystem();
    await log.addEntries(
      Array.from({ length: 10 }, (_, index) => deposit(1, index % 3 === 0 ? 'snapshot' : undefined)),
      0n,
    );
    for (let again = 0; again < 5; again += 1) {
      host.postMessage(messageFor(3n));
      await resendPending(log, host);
    }
    const ends = await ended(4 + 5 + 5 * 4);
    expect(ends.every(({ type }) => type === 'done')).toBe(true);
    expect(await pendingOf(log)).toEqual([]);
    for (const sequenceId of [0n, 3n, 6n, 9n]) {
      expect(await snapshotOf(log, sequenceId)).toBeDefined();
    }
    expect(await readState({ log, blobs, logType: bankAccount, at: 7n })).toEqual({ state: accountWith(7, 7), sequenceId: 7n });
  });

  it('a workflow that failed runs again when what is pending is sent again', async () => {
    const { log, host, workflows, reports, ended } = await createSystem();
    const snapshot = workflows.snapshot as WorkflowFunction<Entry>;
    let failures = 2;
    workflows.snapshot = async (context) => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('the disk is away');
      }
      return snapshot(context);
    };
    await log.addEntries([deposit(1), deposit(2, 'snapshot')], 0n);
    await ended(1);
    expect(reports).toEqual([{ type: 'error', workflow: 'snapshot', sequenceId: 1n, error: new Error('the disk is away') }]);
    expect(await pendingOf(log)).toEqual([1n]);
    expect(await resendPending(log, host)).toBe(1);
    await ended(2);
    expect(await pendingOf(log)).toEqual([1n]);
    expect(await resendPending(log, host)).toBe(1);
    expect((await ended(3)).at(-1)).toEqual({ type: 'done', workflow: 'snapshot', sequenceId: 1n });
    expect(await pendingOf(log)).toEqual([]);
    expect(await snapshotOf(log, 1n)).toBeDefined();
    expect(await resendPending(log, host)).toBe(0);
  });

  it('a log truncated to its end takes entries and snapshots again', async () => {
    const { log, blobs, ended } = await createSystem();
    await log.addEntries([deposit(1), deposit(2)], 0n);
    await log.addEntry(deposit(4, 'snapshot'), 2n);
    await ended(1);
    await log.truncate(2n);
    await log.addEntry(deposit(8, 'snapshot'), 3n);
    await ended(2);
    await log.truncate(3n);
    expect(await readState({ log, blobs, logType: bankAccount })).toEqual({ state: accountWith(4, 15), sequenceId: 4n });
    await log.truncate(4n);
    expect(await log.addEntry(deposit(16), 4n)).toEqual({ nextSequenceId: 5n });
    expect((await log.query('start', 'end')).entries).toEqual([deposit(16)]);
    await expect(readState({ log, blobs, logType: bankAccount })).rejects.toThrow(HistoryGoneError);
  });
});

describe('resendPending', () => {
  it('posts every entry that is pending, oldest first, and says how many', async () => {
    const { log, worker, host } = await createSystem();
    const posted: PendingWorkflowMessage[] = [];
    worker.onReceiveMessage = () => {};
    await log.addEntries([deposit(1), deposit(2, 'compact'), deposit(3, 'snapshot')], 0n);
    await log.setMetadata(0n, { pending: 'snapshot' });
    await new Promise((resolve) => setImmediate(resolve));
    worker.onReceiveMessage = (message) => void posted.push(message);
    expect(await resendPending(log, host)).toBe(3);
    await new Promise((resolve) => setImmediate(resolve));
    expect(posted).toEqual([messageFor(0n), messageFor(1n, 'compact'), messageFor(2n)]);
  });

  it('reads a log that does not know what is pending page by page, also while it is truncated', async () => {
    const { log, worker, host } = await createSystem({ pageSize: 2 });
    const posted: PendingWorkflowMessage[] = [];
    worker.onReceiveMessage = () => {};
    await log.addEntries(
      Array.from({ length: 9 }, (_, index) => deposit(1, index % 2 === 0 ? 'snapshot' : undefined)),
      0n,
    );
    await new Promise((resolve) => setImmediate(resolve));
    worker.onReceiveMessage = (message) => void posted.push(message);
    const { logId, queryPending, ...plain } = log;
    await expect(resendPending(plain, host)).rejects.toThrow('give resendPending a logId');
    expect(await resendPending(plain, host, { logId })).toBe(5);
    let queries = 0;
    const shrinking = {
      ...plain,
      async query(...range: Parameters<typeof log.query>) {
        queries += 1;
        if (queries === 2) {
          await log.truncate(5n);
        }
        return log.query(...range);
      },
    };
    expect(await resendPending(shrinking, host, { logId })).toBe(2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(posted.map(({ sequenceId }) => sequenceId)).toEqual([0n, 2n, 4n, 6n, 8n, 6n, 8n]);
  });
});
