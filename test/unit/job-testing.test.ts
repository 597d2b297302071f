/** The test kit for jobs, where it needs no database: a handler called directly. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineJob, defineTopics, type JobContext, NonRetryableError } from '../../src/index.ts';
import { createHarness, createMemoryTidemark, runJob } from '../../src/testing.ts';

const input = z.object({ month: z.string(), rows: z.coerce.number().default(2) });
type Input = z.infer<typeof input>;

function createJob<T>(handler: (input: Input, context: JobContext) => T | Promise<T>, options: object = {}) {
  return defineJob({ name: 'report', input, handler, ...options });
}

test('runJob runs the handler once with what an attempt has, and says what it did', async () => {
  const other = defineJob({ name: 'other', input: z.object({ id: z.string() }), handler: () => undefined });
  const job = createJob(async ({ month, rows }, context) => {
    const { progress, logger, heartbeat, step, publish, enqueue, attempt, actor, jobId, idempotencyKey } = context;
    await progress({ fraction: 0.5, message: 'reading', counts: { rows } });
    logger.info('read', { rows });
    await heartbeat();
    const read = await step('read', () => ({ rows, at: new Date(0) }));
    const written = await step('write', () => 'never');
    await publish('reported', { month }, { orderingKey: 'k' });
    await enqueue(other, { id: month }, { priority: 3 });
    await progress(1);
    return { read, written, attempt, actor, jobId, idempotencyKey };
  });
  expect(await runJob(job, { month: '11' }, { attempt: 2, actor: 'ann', id: 'n1', finished: { write: 'before' } })).toEqual({
    result: {
      read: { rows: 2, at: '1970-01-01T00:00:00.000Z' },
      written: 'before',
      attempt: 2,
      actor: 'ann',
      jobId: 'report:n1',
      idempotencyKey: 'job/report/n1',
    },
    progress: { fraction: 1, message: 'reading', counts: { rows: 2 } },
    steps: { read: { rows: 2, at: '1970-01-01T00:00:00.000Z' } },
    published: [{ topic: 'reported', payload: { month: '11' }, options: { orderingKey: 'k' } }],
    enqueued: [{ job: 'other', input: { id: '11' }, options: { priority: 3 } }],
    logs: [{ level: 'info', text: 'read', fields: { rows: 2 } }],
    heartbeats: 1,
  });
});

test('runJob throws what the handler throws, and what the job refuses', async () => {
  const failing = createJob(() => {
    throw new NonRetryableError('no such month');
  });
  await expect(runJob(failing, { month: '11' })).rejects.toThrow(NonRetryableError);
  await expect(runJob(failing, { month: 11 } as never)).rejects.toThrow("is none of job 'report'");
  const guarded = createJob(() => undefined, { authorize: (actor: string | undefined) => actor === 'ann' });
  await expect(runJob(guarded, { month: '11' }, { actor: 'bob' })).rejects.toThrow("'bob' may not run job 'report'");
  await runJob(guarded, { month: '11' }, { actor: 'ann' });
  const wrong = createJob(() => ({ total: 'many' }), { output: z.object({ total: z.number() }) });
  await expect(runJob(wrong, { month: '11' })).rejects.toThrow("Job 'report' returned what its output is not: total");
  const writing = createJob((_, { db }) => db.query('select 1'));
  await expect(runJob(writing, { month: '11' })).rejects.toThrow('There is no database here. Give runJob({ app }), or { db }.');
  const twice = createJob((_, { step }) => Promise.all([step('a', () => 1), step('a', () => 2)]));
  await expect(runJob(twice, { month: '11' })).rejects.toThrow("Step 'a' runs already");
});

test('runJob ends at the deadline of the job, and where the test cancels it, though the handler does not', async () => {
  await expect(
    runJob(
      createJob(() => new Promise(() => {}), { deadlineMs: 20 }),
      { month: '11' },
    ),
  ).rejects.toThrow(/timeout/);
  const cancel = new AbortController();
  const cancelled = createJob((_, { signal }) => {
    cancel.abort(new Error('cancelled'));
    signal.throwIfAborted();
  });
  await expect(runJob(cancelled, { month: '11' }, { signal: cancel.signal })).rejects.toThrow('cancelled');
});

test('an application in memory has messages and no jobs', async () => {
  const harness = await createHarness(createMemoryTidemark({ topics: defineTopics({}) }));
  expect(harness.enqueue).toBeUndefined();
});
