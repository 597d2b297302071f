/** An application in memory behaves, as far as its tests can tell, like the one on Postgres. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  ConflictError,
  defineEntryWork,
  defineLogType,
  resendPending,
  SequenceRangeError,
  UnavailableError,
  UnknownWorkflowError,
} from '../../src/index.ts';
import { createMemoryTidemark, expectWork, runUntilIdle } from '../../src/testing.ts';

const order = defineLogType({
  type: 'order',
  version: 1,
  snapshotEvery: 10,
  entry: z.object({ type: z.literal('Placed'), qty: z.int().min(1) }),
  initial: () => ({ open: 0 }),
  apply: ({ open }, { qty }) => ({ open: open + qty }),
});
const note = defineLogType({
  type: 'note',
  version: 1,
  entry: z.object({ type: z.literal('Wrote') }),
  initial: () => ({ notes: 0 }),
  apply: ({ notes }) => ({ notes: notes + 1 }),
});
const placed = (count: number) => Array.from({ length: count }, () => ({ type: 'Placed' as const, qty: 1 }));

function createApp(handler: Parameters<typeof defineEntryWork>[0]['handler'] = async () => {}) {
  const work = defineEntryWork({ name: 'send-invoice', maxAttempts: 3, handler });
  return createMemoryTidemark({ logTypes: [order, note], entryWork: [work], defaults: { actor: 'system' } });
}

describe('a memory application', () => {
  test('takes snapshots by policy and reads the state from them', async () => {
    const app = createApp();
    const log = app.log(order, 'o1');
    await log.append(placed(12), { expect: 0n });
    await expectWork(app, { id: 'snapshot/o1/11', state: 'ready' });
    await runUntilIdle(app);
    await expectWork(app, { log: 'o1', state: 'done', count: 1 });
    expect((await log.eventLog.query('snapshot', 'end', -1n)).lastSnapshot?.sequenceId).toBe(11n);
    await log.eventLog.truncate(11n);
    await log.append(placed(1), { expect: 'any' });
    expect(await log.read()).toEqual({ state: { open: 13 }, sequenceId: 13n });
    await expect(log.state({ at: 3n })).rejects.toThrow(SequenceRangeError);
  });

  test('compacts by policy and when asked, and reads on as before; entries that wait for work stay', async () => {
    const compacted = defineLogType({
      type: 'order',
      version: 1,
      snapshotEvery: 5,
      compactEvery: 12,
      entry: z.object({ type: z.literal('Placed'), qty: z.int().min(1) }),
      initial: () => ({ open: 0 }),
      apply: ({ open }, { qty }) => ({ open: open + qty }),
    });
    const work = defineEntryWork({
      name: 'send-invoice',
      maxAttempts: 1,
      async handler() {
        throw new Error('no such customer');
      },
    });
    const app = createMemoryTidemark({ logTypes: [compacted], entryWork: [work] });
    const log = app.log(compacted, 'o1');
    for (let count = 0; count < 4; count += 1) {
      await log.append(placed(5), { expect: 'any' });
      await runUntilIdle(app);
    }
    await expectWork(app, { id: 'compact/o1/14', state: 'done' });
    expect((await log.eventLog.query('start', 'end')).startSequenceId).toBe(14n);
    expect(await log.state({ at: 3n })).toEqual({ open: 3 });
    await log.append(placed(1), { expect: 20n, pending: 'send-invoice' });
    await log.append(placed(4), { expect: 21n, pending: 'compact' });
    await runUntilIdle(app);
    await expectWork(app, { workflow: 'send-invoice', state: 'dead' });
    expect((await log.eventLog.query('start', 'end')).startSequenceId).toBe(20n);
    const ids: bigint[] = [];
    for await (const { sequenceId } of log.entries()) ids.push(sequenceId);
    expect(ids).toEqual(Array.from({ length: 25 }, (_, id) => BigInt(id)));
    expect(await log.state()).toEqual({ open: 25 });
  });

  test('carries out entry work once, with who and why, and clears pending', async () => {
    const seen: unknown[] = [];
    const app = createApp(async ({ logId, sequenceId, actor, correlationId }, { attempt }) => {
      seen.push([logId, sequenceId, actor, correlationId, attempt]);
      return { result: { billed: 1 } };
    });
    const log = app.log(order, 'o1');
    await log.append(placed(2), { expect: 'any', pending: 'send-invoice', correlationId: 'r-1' });
    await runUntilIdle(app);
    expect(await resendPending(log.eventLog, { postMessage: () => {} })).toBe(0);
    await runUntilIdle(app);
    expect(seen).toEqual([['o1', 1n, 'system', 'r-1', 1]]);
    const [unit] = await expectWork(app, { log: 'o1', sequenceId: 1n, state: 'done' });
    expect(unit).toMatchObject({ result: { billed: 1 }, actor: 'system', correlationId: 'r-1', group: 'order' });
  });

  test('tries a failing handler again until it is dead; the entry stays pending and the error is kept', async () => {
    let attempts = 0;
    const app = createApp(async () => {
      attempts += 1;
      throw new Error('mail server says no');
    });
    await app.log(order, 'o1').append(placed(1), { expect: 'any', pending: 'send-invoice' });
    await runUntilIdle(app);
    expect(attempts).toBe(3);
    const [unit] = await expectWork(app, { log: 'o1', state: 'dead' });
    expect(unit?.error?.message).toBe('mail server says no');
    await expect(expectWork(app, { log: 'o1', state: 'done' })).rejects.toThrow(/dead, 3 attempts; handler_failed: mail server says no/);
    expect((await app.log(order, 'o1').eventLog.query('start', 'end')).entries).toMatchObject([{ pending: 'send-invoice' }]);
  });

  test('throws what a worker would wait out, and names a unit that does not end', async () => {
    const down = createApp(async () => {
      throw new UnavailableError('The mail server does not answer.');
    });
    await down.log(order, 'o1').append(placed(1), { expect: 'any', pending: 'send-invoice' });
    await expect(runUntilIdle(down)).rejects.toThrow(/send-invoice\/o1\/0 fails for a reason that a worker would wait out/);
    const hanging = createApp(() => new Promise(() => {}));
    await hanging.log(order, 'o1').append(placed(1), { expect: 'any', pending: 'send-invoice' });
    await expect(runUntilIdle(hanging, { timeoutMs: 50 })).rejects.toThrow(/send-invoice\/o1\/0 was still running/);
  });

  test('refuses what Postgres refuses: a conflict, an unknown workflow, a log of another type', async () => {
    const app = createApp();
    const log = app.log(order, 'o1');
    await expect(log.append(placed(1), { expect: 1n })).rejects.toThrow(ConflictError);
    await expect(log.append(placed(1), { expect: 'any', pending: 'no-such-work' })).rejects.toThrow(UnknownWorkflowError);
    expect(await log.exists()).toBe(false);
    expect(await log.append(placed(2), { expect: 0n })).toEqual({ sequenceId: 0n, nextSequenceId: 2n });
    await expect(log.append(placed(1), { expect: 0n })).rejects.toMatchObject({ nextSequenceId: 2n });
    await expect(app.log(note, 'o1').append({ type: 'Wrote' }, { expect: 'any' })).rejects.toThrow(/is of type 'order', not 'note'/);
    await expect(app.log(note, 'o1').state()).rejects.toThrow(/is of type 'order'/);
  });

  test('has no database unless it is given one, and says so', async () => {
    const app = createApp(async (_, { db }) => {
      await db.query('select 1');
    });
    await app.log(order, 'o1').append(placed(1), { expect: 'any', pending: 'send-invoice' });
    await runUntilIdle(app);
    const [unit] = await expectWork(app, { log: 'o1', state: 'dead' });
    expect(unit?.error?.message).toMatch(/createMemoryTidemark\(\{ db \}\)/);
  });

  test('is followed as it grows', async () => {
    const app = createApp();
    const log = app.log(order, 'o1');
    const abort = new AbortController();
    const got: bigint[] = [];
    const following = (async () => {
      for await (const { sequenceId } of log.follow({ signal: abort.signal, pollMs: 60_000 })) {
        got.push(sequenceId);
        if (got.length === 3) abort.abort();
      }
    })();
    await log.append(placed(1), { expect: 0n });
    await log.append(placed(2), { expect: 1n });
    await following;
    expect(got).toEqual([0n, 1n, 2n]);
  });
});
