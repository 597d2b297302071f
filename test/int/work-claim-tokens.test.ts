/** Whose claim it is: a starter that slept past its lease, and executions that are over, change nothing that is not theirs. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { beginWork } from '../../src/work/begin.ts';
import { type Claim, markStarted, releaseClaim, renewWork } from '../../src/work/claim.ts';
import { finishWork } from '../../src/work/end.ts';
import { sweepCounters } from '../../src/work/sweep.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail');
});
afterAll(() => database.drop());
beforeEach(() => work.clear());

const all = (claim: Claim) => claim.executions.map(({ execution }) => execution);
const execution = (claim: Claim, at = 0) => claim.executions[at]?.execution as string;
const end = async (id: string) => finishWork(work.db, await work.begin(id), {});

describe('a token', () => {
  test('of a claim that ran out changes nothing any more', async () => {
    await work.add({ id: 'mail/1' });
    const paused = await work.claim();
    await work.leasesRunOut();
    const present = await work.claim();
    expect(execution(present)).toBe(execution(paused));
    expect(await sweepCounters(work.db)).toMatchObject({ expired_lease: 1 });
    const before = await work.row('mail/1');

    await markStarted(work.db, paused.token, all(paused));
    await releaseClaim(work.db, paused.token, all(paused));
    expect(await renewWork(work.db, execution(paused), { token: paused.token, leaseMs: 4_000 })).toEqual([]);
    await work.db.query(`select tidemark.refuse_claimed_work($1, $2, '{}')`, [execution(paused), paused.token]);
    expect(await work.row('mail/1')).toEqual(before);

    await markStarted(work.db, present.token, all(present));
    expect(await work.row('mail/1')).toMatchObject({ state: 'started' });
  });

  test('does not undo what a worker has begun before it was marked', async () => {
    await work.add({ id: 'mail/1' });
    const claim = await work.claim();
    await beginWork(work.db, 'mail/1', Number((await work.row('mail/1')).epoch));
    const before = await work.row('mail/1');
    await releaseClaim(work.db, claim.token, all(claim));
    await markStarted(work.db, claim.token, all(claim));
    expect(await renewWork(work.db, execution(claim), { token: claim.token, leaseMs: 4_000 })).toEqual([]);
    expect(before.state).toBe('started');
    expect(await work.row('mail/1')).toEqual(before);
  });

  test('of nobody: a lease that has not run out is left alone', async () => {
    await work.add({ id: 'mail/1' });
    const claim = await work.claim();
    expect((await work.claim()).units).toBe(0);
    await markStarted(work.db, randomUUID(), all(claim));
    expect((await work.row('mail/1')).state).toBe('claimed');
  });
});

describe('an execution that is over while its unit is not', () => {
  test('gives a claimed unit a new epoch, still claimed, to be started at once', async () => {
    await work.add({ id: 'mail/1' });
    const claim = await work.claim();
    const { epoch } = await work.row('mail/1');
    const [renewed] = await renewWork(work.db, execution(claim), { token: claim.token, leaseMs: 4_000 });
    const row = await work.row('mail/1');
    expect(Number(row.epoch)).toBeGreaterThan(Number(epoch));
    expect(renewed).toMatchObject({ execution: `${execution(claim)}/r${row.epoch}`, unit: { id: 'mail/1', epoch: Number(row.epoch) } });
    expect(row).toMatchObject({ state: 'claimed', claim_token: claim.token, execution: renewed?.execution });
    expect(await beginWork(work.db, 'mail/1', Number(epoch))).toBeUndefined();
  });

  test('gives a started one a new epoch, ready, and fences its last attempt off', async () => {
    await work.add({ id: 'mail/1' });
    const unit = await work.begin('mail/1');
    await renewWork(work.db, (await work.row('mail/1')).execution as string);
    expect((await work.row('mail/1')).state).toBe('ready');
    await expect(finishWork(work.db, unit, {})).rejects.toMatchObject({ code: 'fenced' });
  });

  test('leaves finished ones as they are', async () => {
    await work.add({ id: 'mail/1' });
    await end('mail/1');
    const before = await work.row('mail/1');
    expect(await renewWork(work.db, before.execution as string)).toEqual([]);
    expect(await work.row('mail/1')).toEqual(before);
  });

  test('sends what is left of a burst on its way alone', async () => {
    await work.addMany(100);
    const claim = await work.claim({ maxInFlight: 0 });
    await work.markAll(claim);
    await renewWork(work.db, execution(claim));
    expect(await work.count('ready', 'alone and burst_id is null')).toBe(100);
    const next = await work.claim({ maxInFlight: 5 });
    expect(next.executions.map(({ unit }) => unit !== undefined)).toEqual(Array(5).fill(true));
  });
});
