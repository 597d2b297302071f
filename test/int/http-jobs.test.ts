/** Jobs over REST and `tidemark/client`: what enqueueing promises there, what is seen of a job while it runs, and what is decided about it. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { connect, type TidemarkClient } from '../../src/client.ts';
import { createJobHub } from '../../src/http/job-hub.ts';
import {
  defineJob,
  type JobContext,
  JobFailedError,
  JobNotFoundError,
  NonRetryableError,
  QueueFullError,
  UnknownJobError,
} from '../../src/index.ts';
import { type JobState, readJobStates } from '../../src/jobs/read-job.ts';
import type { Database } from '../../src/postgres/queryable.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openEventStream } from '../support/event-stream.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { askForTokens, bearer, makeToken } from '../support/http-tokens.ts';
import { until } from '../support/until.ts';

let handle: (input: { month: string }, context: JobContext) => unknown = () => undefined;
const handler = (input: { month: string }, context: JobContext) => handle(input, context);
const input = z.object({ month: z.string() });
const report = defineJob({ name: 'report', input, handler });
const limited = defineJob({ name: 'limited', input, handler, maxWaitingPerActor: 1 });

let database: TestDatabase;
let server: TestServer;
let client: TidemarkClient;
let reader: TidemarkClient;
let narrow: TidemarkClient;
let other: TidemarkClient;
let token: string;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, {
    jobs: [report, limited],
    ...askForTokens(database),
    uiUrl: 'http://ui.example',
    events: { pollMs: 100 },
  });
  ({ token } = await makeToken(database, { scopes: ['jobs'] }));
  client = connect({ url: server.url, token });
  [reader, narrow, other] = (await Promise.all(
    [{ scopes: ['read'] as const }, { scopes: ['admin'] as const, logPrefixes: ['order-'] }, { scopes: ['jobs'] as const }].map(
      async (options) => connect({ url: server.url, token: (await makeToken(database, options)).token }),
    ),
  )) as [TidemarkClient, TidemarkClient, TidemarkClient];
});
beforeEach(async () => {
  handle = () => undefined;
  await database.ownerPool.query('delete from tidemark.work; truncate tidemark.job_dedupe, tidemark.work_decision');
});
afterAll(async () => {
  for (const one of [client, reader, narrow, other]) one?.close();
  await server?.close();
  await database?.drop();
});
const enqueue = (month = '1', options?: Parameters<typeof client.jobs.enqueue>[2]) => client.jobs.enqueue('report', { month }, options);
const later = () => ({ notBefore: new Date(Date.now() + 3_600_000) });
const post = (path: string, body: unknown, headers = {}) => server.request('POST', path, body, { ...bearer(token), ...headers });

describe('enqueueing', () => {
  test('is answered with where to look at it; its actor is whose token it is', async () => {
    const answer = await post('/jobs/report', { input: { month: '1' }, id: 'of/november', priority: 5, correlationId: 'c' });
    const href = '/jobs/report%3Aof%2Fnovember';
    expect(answer).toMatchObject({ status: 202, body: { id: 'report:of/november', answer: 'created', href } });
    expect(answer.headers.get('location')).toBe(href);
    const job = (await server.request('GET', href, undefined, bearer(token))).body;
    expect(job).toMatchObject({ name: 'report', state: 'waiting', position: 0, priority: 5, input: { month: '1' }, correlationId: 'c' });
    expect(job).toMatchObject({
      actor: expect.stringMatching(/^token \d+$/),
      workId: 'job/report/of%2Fnovember',
      attempts: [],
      output: [],
    });
    expect((await post('/jobs/report', { input: { month: '1' }, id: 'of/november' })).body).toMatchObject({ answer: 'ignored' });
  });

  test('refuses an input that is not the job’s, and says where; an unknown name; one too many of an actor', async () => {
    await expect(client.jobs.enqueue('report', { month: 7 })).rejects.toThrow(
      "The input of job 'report' is refused: month: Invalid input: expected string, received number.",
    );
    await expect(client.jobs.enqueue('nothing', {})).rejects.toThrow(UnknownJobError);
    await expect(client.jobs.enqueue('on-dead', {})).rejects.toThrow(UnknownJobError);
    await client.jobs.enqueue('limited', { month: '1' });
    await expect(client.jobs.enqueue('limited', { month: '1' })).rejects.toThrow(QueueFullError);
    const full = await post('/jobs/limited', { input: { month: '1' } });
    expect(full).toMatchObject({ status: 429, body: { code: 'queue_full' } });
    expect(full.headers.get('retry-after')).toBe('1');
    expect(await other.jobs.enqueue('limited', { month: '1' })).toMatchObject({ answer: 'created' });
  });

  test('twice under a key is one job, also when that is not kept any more; the key stands for one input, and is its caller’s own', async () => {
    const key = { 'idempotency-key': 'november' };
    const first = await post('/jobs/report', { input: { month: '1' } }, key);
    const again = await post('/jobs/report', { input: { month: '1' } }, key);
    expect(again.body).toEqual({ ...first.body, answer: 'ignored' });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await post('/jobs/report', { input: { month: '2' } }, key)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    expect(await post('/jobs/report', { input: { month: '1' }, id: 'a' }, key)).toMatchObject({ status: 400 });
    await database.ownerPool.query('delete from tidemark.work');
    const gone = await post('/jobs/report', { input: { month: '1' } }, key);
    expect(gone).toMatchObject({ status: 202, body: again.body });
    expect(gone.headers.get('idempotent-replayed')).toBe('true');
    expect((await post('/jobs/report', { input: { month: '2' } }, key)).status).toBe(422);
    const elsewhere = await other.request('POST', 'jobs/report', { body: { input: { month: '2' } }, headers: key });
    expect(elsewhere).toMatchObject({ answer: 'created' });
    expect(await other.jobs.get((elsewhere as { id: string }).id)).toMatchObject({ input: { month: '2' } });
    const dedupe = { key: 'k', mode: 'replace' } as const;
    expect((await enqueue('1', { dedupe })).id).toBe((await enqueue('2', { dedupe })).id);
  });

  test('needs the scope jobs, which gives no other; who reads looks at jobs; who reaches some logs alone does not', async () => {
    const { id } = await enqueue();
    await expect(reader.jobs.enqueue('report', { month: '1' })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(reader.jobs.cancel(id)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await reader.jobs.list()).jobs).toHaveLength(1);
    expect(await reader.jobs.get(id)).toMatchObject({ id });
    await expect(client.logs.list()).rejects.toThrow("This needs the scope 'read'; what was sent has jobs.");
    for (const refused of [
      narrow.jobs.list(),
      narrow.jobs.get(id),
      narrow.jobs.enqueue('report', { month: '1' }),
      narrow.jobs.cancelAll({ name: 'report' }),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'forbidden' });
    }
  });
});

test('a list goes on where its page ended, and nowhere else', async () => {
  for (const id of ["o'brien", 'b', 'c']) await client.jobs.enqueue('report', { month: '1' }, { id });
  const first = await client.jobs.list({ limit: 2 });
  const rest = await client.jobs.list({ limit: 2, before: first.next as string });
  expect([first, rest].map(({ jobs }) => jobs.map(({ id }) => id))).toEqual([['report:c', 'report:b'], ["report:o'brien"]]);
  expect(rest.next).toBeUndefined();
  await expect(client.jobs.list({ before: '2026-99-01 00:00:00+00 job/x' })).rejects.toThrow('is not the place where a page ended');
});

test('what is enqueued is counted by name, and once', async () => {
  const { token: ofReader } = await makeToken(database, { scopes: ['read'] });
  const enqueued = async () =>
    Number(
      /^tidemark_jobs_enqueued_total\{group="report"\} (\d+)$/m.exec(
        (await server.request('GET', '/metrics', undefined, bearer(ofReader))).body,
      )?.[1] ?? 0,
    );
  const before = await enqueued();
  await enqueue('1', { id: 'counted' });
  await enqueue('1', { id: 'counted' });
  expect(await enqueued()).toBe(before + 1);
});

describe('a job that runs', () => {
  test('is seen as it goes on, to its end', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    handle = async (_, { progress, logger }) => {
      await progress({ fraction: 0.5, message: 'half', counts: { rows: 3 } });
      logger.info('a line', { at: 3 });
      await gate;
      return { rows: 6 };
    };
    const { id } = await enqueue();
    const seen: unknown[] = [];
    const following = (async () => {
      for await (const { state, progress } of client.jobs.follow(id)) seen.push([state, progress?.fraction]);
    })();
    const result = client.jobs.result(id);
    await until('the first state', () => seen.length > 0);
    const ran = runUntilIdle(server.tidemark);
    await until('its progress', () => JSON.stringify(seen).includes('["running",0.5]'));
    const waited = client.jobs.get(id, { waitMs: 10_000 });
    go();
    await Promise.all([ran, following]);
    expect(await result).toEqual({ rows: 6 });
    expect(seen.at(0)).toEqual(['waiting', undefined]);
    expect(seen.at(-1)).toEqual(['done', 0.5]);
    expect(await waited).toMatchObject({
      state: 'done',
      result: { rows: 6 },
      progress: { message: 'half', counts: { rows: 3 } },
      output: [{ level: 'info', text: 'a line', fields: { at: 3 } }],
    });
  });

  test('that has ended is one event, after which nobody comes again', async () => {
    const { id } = await enqueue();
    await client.jobs.cancel(id);
    const url = `${server.url}/jobs/${encodeURIComponent(id)}/events`;
    const stream = await openEventStream(url, bearer(token));
    await until('it has ended', () => stream.isOver);
    const [last, ...others] = stream.events;
    expect(last).toMatchObject({ event: 'status', data: { id, state: 'cancelled' } });
    expect(last?.data).not.toHaveProperty('input');
    expect(others).toEqual([]);
    const again = await fetch(url, { headers: { ...bearer(token), 'last-event-id': last?.id ?? '' } });
    expect(again.status).toBe(204);
  });

  test('that has ended, and ended anew since somebody looked, is an event again', async () => {
    handle = () => {
      throw new NonRetryableError('no such month');
    };
    const { id } = await enqueue();
    await runUntilIdle(server.tidemark);
    const url = `${server.url}/jobs/${encodeURIComponent(id)}/events`;
    const dead = await (await openEventStream(url, bearer(token))).next('status');
    expect([dead.id, dead.data.state]).toEqual([expect.stringMatching(/^ended/), 'dead']);
    handle = () => undefined;
    await client.jobs.redrive(id);
    await runUntilIdle(server.tidemark);
    const stream = await openEventStream(url, { ...bearer(token), 'last-event-id': dead.id });
    expect((await stream.next('status')).data.state).toBe('done');
  });

  test('is told to be gone though it went while Postgres was away', async () => {
    const { id } = await enqueue();
    await database.ownerPool.query(`update tidemark.work set state = 'claimed', execution = 'x'`);
    const first = (await readJobStates(database.db, [id])).get(id) as JobState;
    let away = true;
    const db: Database = {
      ...database.db,
      query: (...args) => (away ? Promise.reject(new Error('away')) : database.db.query(...args)),
      prepared: (...args) => (away ? Promise.reject(new Error('away')) : database.db.prepared(...args)),
    };
    const hub = createJobHub(db, { subscribeJob: () => () => {} }, 20);
    onTestFinished(() => hub.close());
    const seen: (JobState | undefined)[] = [];
    hub.follow(first, (state) => seen.push(state));
    await database.ownerPool.query('delete from tidemark.work');
    away = false;
    await until('it is gone', () => seen.includes(undefined));
    hub.follow(first, (state) => seen.push(state));
    await until('so it is for whoever has read it before', () => seen.length >= 3);
  });

  test('and fails is told by its error, with its attempts', async () => {
    handle = () => {
      throw new NonRetryableError('no such month');
    };
    const { id } = await enqueue();
    const result = client.jobs.result(id).catch((error: unknown) => error);
    await runUntilIdle(server.tidemark);
    expect(await result).toBeInstanceOf(JobFailedError);
    expect(await result).toMatchObject({ state: 'dead', reason: { message: 'no such month' } });
    expect((await client.jobs.get(id)).attempts).toMatchObject([{ attempt: 1, error: { message: 'no such month' } }]);
    expect((await client.jobs.list({ state: 'dead' })).jobs).toMatchObject([{ id, error: { message: 'no such month' } }]);
  });

  test('whose place in the line moves says so', async () => {
    const first = await enqueue('1', later());
    const { id } = await enqueue('2', { ...later(), priority: 1 });
    await database.ownerPool.query('update tidemark.work set not_before = now()');
    const stream = await openEventStream(`${server.url}/jobs/${encodeURIComponent(id)}/events`, bearer(token));
    expect((await stream.next('status')).data).toMatchObject({ position: 1 });
    await client.jobs.cancel(first.id);
    expect((await stream.next('status')).data).toMatchObject({ position: 0 });
    await database.ownerPool.query('delete from tidemark.work');
    await until('the stream of what is gone has ended', () => stream.isOver);
  });
});

describe('decisions', () => {
  test('about one say whether anything has changed', async () => {
    const { id } = await enqueue('1', later());
    expect(await client.jobs.redrive(id)).toMatchObject({ changed: false, job: { state: 'waiting' } });
    expect(await client.jobs.runNow(id)).toMatchObject({ changed: true, job: { priority: -100 } });
    handle = () => {
      throw new NonRetryableError('no');
    };
    await runUntilIdle(server.tidemark);
    expect(await client.jobs.redrive(id)).toMatchObject({ changed: true, job: { state: 'waiting' } });
    expect((await database.pool.query('select actor from tidemark.work_decision')).rows).toEqual([
      { actor: expect.stringMatching(/^token \d+$/) },
    ]);
    expect(await client.jobs.cancel(id)).toMatchObject({ changed: true, job: { state: 'cancelled' } });
    expect(await client.jobs.cancel(id)).toMatchObject({ changed: false });
    await expect(client.jobs.cancel('report:nobody')).rejects.toThrow(JobNotFoundError);
    await expect(client.jobs.cancel('nobody')).rejects.toThrow('use <name>:<id>');
  });

  test('about many are of those that are asked for', async () => {
    const { id } = await enqueue('1', later());
    await enqueue('2', later());
    await other.jobs.enqueue('report', { month: '3' }, later());
    expect(await client.jobs.runAllNow({ ids: [id] })).toEqual({ jobs: 1 });
    const { actor } = await client.jobs.get(id);
    expect(await client.jobs.cancelAll({ actor: actor as string })).toEqual({ jobs: 2 });
    expect(await client.jobs.cancelAll({ state: 'waiting', name: 'report' })).toEqual({ jobs: 1 });
    expect(await client.jobs.redriveAll({ state: 'dead' })).toEqual({ jobs: 0 });
    expect(await post('/jobs/cancel', {})).toMatchObject({ status: 400, body: { detail: expect.stringContaining('say which jobs') } });
    expect(await post('/jobs/redrive', { state: 'done' })).toMatchObject({ status: 400 });
  });

  test('are not about what Tidemark does for itself', async () => {
    await database.ownerPool.query(`insert into tidemark.work_group (name) values ('on-dead') on conflict do nothing;
      select tidemark.add_work('job/on-dead/1', 'job', 'on-dead')`);
    await expect(client.jobs.get('on-dead:1')).rejects.toThrow(JobNotFoundError);
    await expect(client.jobs.cancel('on-dead:1')).rejects.toThrow(JobNotFoundError);
    expect(await client.jobs.cancelAll({ state: 'waiting' })).toEqual({ jobs: 0 });
  });
});

test('where jobs run in the server, one that has ended and is not kept any more is enqueued all the same: never 404', async () => {
  const inline = await startTestServer(database, { jobs: [report], useJobs: false });
  const ask = () => inline.request('POST', '/jobs/report', { input: { month: '1' }, id: 'once' });
  expect(await ask()).toMatchObject({ status: 200, body: { answer: 'created' } });
  await database.ownerPool.query('delete from tidemark.work');
  expect(await ask()).toMatchObject({ status: 202, body: { answer: 'ignored', id: 'report:once' } });
  await inline.close();
});
