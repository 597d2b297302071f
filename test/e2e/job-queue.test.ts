/** A queue of jobs under one worker over Temporal: states, limits, order, fairness, cancelling, retention. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { missingBlobStore } from '../../src/blob-store/missing-blob-store.ts';
import { createTidemark, defineJob, type JobContext, type JobHandle, QueueFullError, type Tidemark } from '../../src/index.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { type RunningWorker, startWorker } from '../../src/temporal/start-worker.ts';
import { redriveWork } from '../../src/work/redrive.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporalAddress, workflowBundle } from '../support/servers.ts';
import { until } from '../support/until.ts';

installRuntime({ verbose: false, log: () => {} });

const MANY = 10_000;
const input = z.object({ id: z.string() });
/** In the order they began; a busy machine may begin one twice. */
const begun: string[] = [];
const gates = new Map<string, () => void>();
let act: Record<string, (context: JobContext) => unknown> = {};
const handler = async ({ id }: { id: string }, context: JobContext) => {
  begun.push(id);
  await act[id]?.(context);
};
const retry = { attempts: 2, initialMs: 50, jitter: 0 };
const plain = defineJob({ name: 'plain', input, handler, retry });
const single = defineJob({ name: 'single', input, handler, concurrency: 1, maxWaitingPerActor: 2 });
const ordered = defineJob({ name: 'ordered', input, handler, concurrency: 1 });
const fair = defineJob({ name: 'fair', input, handler, concurrency: 4 });
const kept = defineJob({ name: 'kept', input, handler, retry: { attempts: 1 }, keep: { completed: 2, failed: 1 } });

let database: TestDatabase;
let tidemark: Tidemark;
let worker: RunningWorker;

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 40 });
  tidemark = createTidemark({ db: database.pool, jobs: [plain, single, ordered, fair, kept], useJobs: true });
  worker = await startWorker({
    ...{ registry: tidemark.registry, pool: database.pool, schema: 'tidemark', blobs: missingBlobStore },
    temporal: { address: temporalAddress(), namespace: 'default' },
    starter: { connectionString: database.appUrl, sweepEveryMs: 200 },
    workflowBundle: workflowBundle(),
  });
});
afterAll(async () => {
  for (const open of gates.values()) open();
  await worker?.stop();
  await tidemark?.close();
  await database?.drop();
});

/** Its job runs until it is opened. */
function gate(id: string): () => void {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  act[id] = () => opened;
  gates.set(id, open);
  return open;
}
const untilBegun = (id: string) => until(`${id} has begun`, () => begun.includes(id), 20_000);
const untilState = (job: JobHandle, state: string) =>
  until(`${job.id} is ${state}`, async () => (await job.status()).state === state, 20_000);
const ask = (job: typeof plain, id: string, options: Parameters<Tidemark['enqueue']>[2] = {}) =>
  tidemark.enqueue(job, { id }, { id, ...options });

/** Starts collecting when it is called. @returns what was seen, each once, when it has ended */
async function statesOf(job: JobHandle): Promise<string[]> {
  const seen: string[] = [];
  for await (const { state } of job.follow({ pollMs: 10 })) {
    if (seen.at(-1) !== state) seen.push(state);
  }
  return seen;
}

test.concurrent('a job is waiting, running, and then done, dead, cancelled or expired; dead, it may be redriven', async () => {
  const notBefore = () => new Date(Date.now() + 300);
  const open = gate('to be done');
  const done = await ask(plain, 'to be done', { notBefore: notBefore() });
  const ofDone = statesOf(done);
  await untilBegun('to be done');
  await untilState(done, 'running');
  await delay(50);
  open();
  expect(await ofDone).toEqual(['waiting', 'running', 'done']);

  let isBroken = true;
  act['to be dead'] = async () => {
    await delay(50);
    if (isBroken) throw new Error('broken');
  };
  const dead = await ask(plain, 'to be dead', { notBefore: notBefore() });
  const ofDead = await statesOf(dead);
  expect(ofDead[0]).toBe('waiting');
  expect(ofDead.at(-1)).toBe('dead');
  expect((await dead.status()).attempts).toHaveLength(2);
  isBroken = false;
  await redriveWork(database.db, { ids: ['job/plain/to%20be%20dead'] });
  expect((await statesOf(dead)).at(-1)).toBe('done');

  const expired = await ask(plain, 'to expire', { notBefore: new Date(Date.now() + 60_000) });
  const ofExpired = statesOf(expired);
  await untilState(expired, 'waiting');
  await database.ownerPool.query(`update tidemark.work set expires_at = now() where id = 'job/plain/to%20expire'`);
  expect(await ofExpired).toEqual(['waiting', 'expired']);

  const cancelled = await ask(plain, 'never begins', { notBefore: new Date(Date.now() + 60_000) });
  const ofCancelled = statesOf(cancelled);
  await untilState(cancelled, 'waiting');
  expect(await cancelled.cancel()).toBe('waiting');
  expect((await ofCancelled).at(-1)).toBe('cancelled');
  expect(begun).not.toContain('never begins');
});

test.concurrent('one that runs hears within two seconds that it is cancelled', async () => {
  let heardAt = 0;
  act.hang = async ({ signal }) => {
    await once(signal, 'abort');
    heardAt = performance.now();
  };
  const job = await ask(plain, 'hang');
  await untilBegun('hang');
  const cancelledAt = performance.now();
  expect(await job.cancel()).toBe('running');
  await until('it has heard', () => heardAt > 0);
  console.log(`cancelled: heard after ${(heardAt - cancelledAt).toFixed(0)} ms`);
  expect(heardAt - cancelledAt).toBeLessThan(5_000);
  expect((await job.status()).state).toBe('cancelled');
});

test.concurrent('an actor who has too many waiting is refused one more, until one has begun; another is not', async () => {
  const open = gate('first of ann');
  await ask(single, 'first of ann', { actor: 'ann' });
  await untilBegun('first of ann');
  await ask(single, 'second of ann', { actor: 'ann' });
  await ask(single, 'third of ann', { actor: 'ann' });
  await expect(ask(single, 'fourth of ann', { actor: 'ann' })).rejects.toThrow(QueueFullError);
  await ask(single, 'first of bob', { actor: 'bob' });
  open();
  await untilBegun('second of ann');
  expect((await ask(single, 'fourth of ann', { actor: 'ann' })).answer).toBe('created');
});

test.concurrent('what is more urgent begins first', async () => {
  const open = gate('the one before');
  await ask(ordered, 'the one before');
  await untilBegun('the one before');
  for (const priority of [50, 0, -50]) await ask(ordered, `priority ${priority}`, { priority });
  open();
  await untilBegun('priority 50');
  expect([...new Set(begun.filter((id) => id.startsWith('priority')))]).toEqual(['priority -50', 'priority 0', 'priority 50']);
});

test.concurrent('as many that have ended are kept as the job says', async () => {
  for (const id of ['a', 'b']) act[`${id} fails`] = () => Promise.reject(new Error('broken'));
  for (const id of ['1', '2', '3', '4', 'a fails', 'b fails']) await ask(kept, id);
  const states = async () =>
    (await tidemark.listJobs({ name: 'kept' })).jobs
      .map(({ state }) => state)
      .sort()
      .join(' ');
  await until('all have ended', async () => (await states()) === 'dead dead done done done done', 20_000);
  // Whoever waits for one has a minute to see its end.
  await database.ownerPool.query(`update tidemark.work set finished_at = finished_at - interval '61 seconds' where group_name = 'kept'`);
  await until('two completed and one failed are left', async () => (await states()) === 'dead done done', 20_000);
});

test('ten thousand of one actor do not hold up the few of another', async () => {
  act = new Proxy(act, { get: (known, id: string) => known[id] ?? (() => delay(5)) });
  for (let at = 0; at < MANY; at += 500) {
    await database.ownerPool.query(
      `select count(tidemark.enqueue_job('fair', 'many-' || n, json_build_object('id', 'many-' || n), p_fairness_key => 'many'))
       from generate_series($1::integer, $1 + 499) n`,
      [at],
    );
  }
  worker.wake();
  await until('the many are being done', () => begun.filter((id) => id.startsWith('many-')).length > 20, 20_000);
  const before = new Set(begun).size;
  const askedAt = performance.now();
  for (const id of ['few-1', 'few-2', 'few-3']) await ask(fair, id, { fairnessKey: 'few' });
  await Promise.all(['few-1', 'few-2', 'few-3'].map(untilBegun));
  const ids = [...new Set(begun)];
  const places = ['few-1', 'few-2', 'few-3'].map((id) => ids.indexOf(id) - before + 1);
  const { rows } = await database.pool.query(
    `select count(*)::integer as waiting from tidemark.work where group_name = 'fair' and state = 'ready'`,
  );
  console.log(`few among the next: ${places.join(', ')}, after ${(performance.now() - askedAt).toFixed(0)} ms, ${rows[0].waiting} wait`);
  expect(rows[0].waiting).toBeGreaterThan(MANY / 2);
  expect(Math.max(...places)).toBeLessThan(100);
});
