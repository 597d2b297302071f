/** Who is told of dead units: by real workers, from a receiver that is down at first, refuses, or comes back late. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { UnavailableError } from '../../src/errors.ts';
import { onDeadJob } from '../../src/jobs/on-dead-job.ts';
import { tellOfDeaths } from '../../src/jobs/tell-of-deaths.ts';
import { redriveWork } from '../../src/work/redrive.ts';
import type { Unit, UnitContext } from '../../src/work/unit.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

interface Call {
  headers: IncomingHttpHeaders;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what was told, as JSON
  body: any;
}

const SECRET = 'whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBhbG9uZQ==';

let fixture: TidemarkFixture;
let server: Server | undefined;
let calls: Call[] = [];
let statuses: number[] = [];
let url: string;

beforeAll(async () => {
  fixture = await createTidemarkFixture();
  await listen();
  const { port } = (server as Server).address() as AddressInfo;
  url = `http://127.0.0.1:${port}/hook?key=hunter2`;
  await fixture.worker({ onDead: { url, secret: SECRET, executionUrl: (execution) => `http://ui/${execution}` } });
});
afterAll(async () => {
  await fixture?.close();
  await shut();
});
afterEach(async () => {
  calls = [];
  statuses = [];
  if (!server) await listen();
});

async function listen(): Promise<void> {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    calls.push({ headers: request.headers, text, body: JSON.parse(text) });
    response.writeHead(statuses.shift() ?? 204).end();
  });
  const port = url === undefined ? 0 : Number(new URL(url).port);
  await new Promise<void>((resolve) => server?.listen({ host: '127.0.0.1', port }, resolve));
}

async function shut(): Promise<void> {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
}

const told = () =>
  fixture.database.pool.query(
    `select id, state, attempt, error, result, input from tidemark.work where group_name = 'on-dead' order by id`,
  );
const callsFor = (id: string) => calls.filter(({ body }) => body.workId === id);

describe('a unit that becomes dead', () => {
  test('is told, signed, once the receiver is up: nothing is lost while it is not', async () => {
    await shut();
    const [dead = ''] = await fixture.ask([{ fails: 'it cannot be done' }]);
    await fixture.untilState(dead, 'dead');
    const notice = await until('telling has failed', async () => (await told()).rows.find(({ error }) => error !== null));
    expect(notice).toMatchObject({ state: 'started', error: { code: 'unavailable', message: expect.stringContaining('does not answer') } });
    await listen();
    await until('it is told', () => callsFor(dead).length > 0, 30_000);
    const [{ headers, text, body }] = callsFor(dead) as [Call];
    const { rows } = await fixture.database.pool.query('select id from tidemark.installation');
    const unit = await fixture.work.row(dead);
    expect(body).toEqual({
      type: 'unit.dead',
      installation: rows[0].id,
      workId: dead,
      epoch: unit.epoch,
      workflow: 'step',
      group: 'ledger',
      logId: dead.split('/')[1],
      sequenceId: '0',
      code: 'handler_failed',
      message: 'it cannot be done',
      fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
      attempts: 3,
      execution: unit.execution,
      executionUrl: `http://ui/${unit.execution}`,
      diedAt: expect.stringMatching(/^\d{4}-/),
    });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': `${rows[0].id}/job/on-dead/${unit.epoch}`,
      'webhook-id': headers['idempotency-key'],
    });
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
    const key = Buffer.from('secret of the tests alone');
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    await fixture.untilState(`job/on-dead/${unit.epoch}`, 'done');
  });

  test('is told again where the receiver was not sure, under the same id; a redriven one anew', async () => {
    statuses = [500, 503];
    const [dead = ''] = await fixture.ask([{ fails: 'no' }]);
    await until('it is told three times', () => callsFor(dead).length === 3, 30_000);
    expect(new Set(callsFor(dead).map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(new Set(callsFor(dead).map(({ text }) => text)).size).toBe(1);
    await redriveWork(fixture.work.db, { ids: [dead] });
    await until('it is told of the second death', () => callsFor(dead).length === 4, 30_000);
    expect(new Set(callsFor(dead).map(({ headers }) => headers['idempotency-key'])).size).toBe(2);
  });

  test('whose receiver refuses for good leaves a dead notice, and nobody is told of that', async () => {
    statuses = Array(10).fill(404);
    const [dead = ''] = await fixture.ask([{ fails: 'no' }]);
    await fixture.untilState(dead, 'dead');
    const id = `job/on-dead/${(await fixture.work.row(dead)).epoch}`;
    await fixture.untilState(id, 'dead');
    expect(calls).toHaveLength(5);
    const { rows } = await told();
    expect(rows.find((row) => row.id === id)).toMatchObject({ error: { code: 'on_dead_refused' }, attempt: 5 });
    expect(rows.filter(({ input }) => input.workId === id)).toEqual([]);
  });
});

test('neither the secret nor the address is in a row', async () => {
  const { rows } = await fixture.database.pool.query(`select coalesce(string_agg(w::text, ' '), '') as everything from tidemark.work w`);
  expect(rows[0].everything).toContain('job/on-dead/');
  expect(rows[0].everything).not.toMatch(/hunter2|whsec_|c2VjcmV0|hook\?/);
});

test('a worker that does not know whom to tell leaves it to those who do; where nobody is to be told, a death adds nothing, and what was left ends', async () => {
  const { pool } = fixture.database;
  const job = onDeadJob({ pool, schema: 'tidemark', blobs: createMemoryBlobStore() });
  const context: UnitContext = { signal: new AbortController().signal, db: pool, extend: () => {}, recordProgress: async () => {} };
  const unit = (await told()).rows[0] as unknown as Unit;
  await expect(job.run(unit, context)).rejects.toThrow(UnavailableError);
  const before = (await told()).rows.length;
  await tellOfDeaths(fixture.work.db, false);
  const [dead = ''] = await fixture.ask([{ fails: 'no' }]);
  await fixture.untilState(dead, 'dead');
  expect((await told()).rows).toHaveLength(before);
  expect(await job.run(unit, context)).toEqual({ result: { told: false } });
});
