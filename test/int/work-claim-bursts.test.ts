/** When a backlog runs in bursts, and of which units those are made. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Claim, releaseClaim } from '../../src/work/claim.ts';
import { releaseWork } from '../../src/work/end.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type LoadRecord, recordLoad } from '../support/load-record.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

let database: TestDatabase;
let work: WorkRows;
let load: LoadRecord;

beforeAll(async () => {
  database = await createTestDatabase();
  work = workRows(database);
  await work.register('mail', 'note');
  load = await recordLoad(database);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await work.clear();
  await load.clear();
});

const alone = (claim: Claim) => claim.executions.flatMap(({ unit }) => (unit ? [unit.id] : []));
const bursts = (claim: Claim) => claim.executions.filter(({ burst }) => burst);
const all = (claim: Claim) => claim.executions.map(({ execution }) => execution);

describe('a burst', () => {
  const OPTIONS = { maxInFlight: 40, burstSize: 100, burstThreshold: 20, maxBursts: 4 };

  test('is not made of few units: each runs alone', async () => {
    await work.addMany(60);
    const claim = await work.claim(OPTIONS);
    expect(bursts(claim)).toEqual([]);
    expect(alone(claim)).toHaveLength(40);
  });

  test('is made of a backlog of more than 20 beyond maxInFlight: up to 100 units in one execution, nothing of it alone', async () => {
    await work.addMany(150);
    const claim = await work.claim(OPTIONS);
    expect(bursts(claim).map(({ burst }) => burst?.units)).toEqual([100, 50]);
    expect(alone(claim)).toEqual([]);
    for (const { execution: id, burst } of bursts(claim)) expect(id).toMatch(new RegExp(`/burst/mail/${burst?.id}$`));
  });

  test('is one of at most 4 of its workflow, however many claim', async () => {
    await work.addMany(1_000);
    await work.addMany(700, { workflow: 'note', group: 'notes' });
    await Promise.all(Array.from({ length: 6 }, () => work.claim(OPTIONS)));
    const { rows } = await work.db.query(
      `select workflow, count(distinct burst_id)::integer as bursts, count(*)::integer as units from tidemark.work where burst_id is not null group by 1 order by 1`,
    );
    expect(rows).toEqual([
      { workflow: 'mail', bursts: 4, units: 400 },
      { workflow: 'note', bursts: 4, units: 400 },
    ]);
    expect(await load.peakBursts()).toBe(4);
  });

  test('is made of a backlog also where the workflows of a group take turns', async () => {
    await work.addMany(500);
    await work.addMany(500, { workflow: 'note' });
    const claim = await work.claim(OPTIONS);
    expect(new Set(bursts(claim).map(({ workflow }) => workflow))).toEqual(new Set(['mail', 'note']));
    expect(alone(claim)).toEqual([]);
  });

  test('does not keep what is behind its backlog, at another priority, from running', async () => {
    await work.addMany(2_000);
    expect(bursts(await work.claim(OPTIONS))).toHaveLength(4);
    for (let n = 0; n < 5; n += 1) await work.add({ id: `note/${n}`, workflow: 'note', priority: 1 });
    expect(alone(await work.claim(OPTIONS)).sort()).toEqual(['note/0', 'note/1', 'note/2', 'note/3', 'note/4']);
  });

  test('is made of each group in its turn where several have a backlog', async () => {
    const groups = ['a', 'b', 'c', 'd', 'e'];
    for (const group of groups) await work.addMany(400, { group });
    const served = new Set<string>();
    for (let turn = 0; turn < 15; turn += 1) {
      const claim = await work.claim({ ...OPTIONS, maxBursts: 2, burstSize: 21 });
      const { rows } = await work.db.query('select distinct group_name as name from tidemark.work where claim_token = $1', [claim.token]);
      for (const { name } of rows) served.add(name);
      expect(rows).toHaveLength(2);
      await work.db.query(`update tidemark.work set state = 'started' where state = 'claimed'`);
      await work.db.query(`update tidemark.work set state = 'done', burst_id = null where state = 'started'`);
    }
    expect([...served].sort()).toEqual(groups);
  });

  test('keeps its units and its id when it is claimed again', async () => {
    await work.addMany(150);
    const claim = await work.claim(OPTIONS);
    await releaseClaim(work.db, claim.token, all(claim));
    const again = await work.claim(OPTIONS);
    expect(again.executions.map(({ execution: id, burst }) => [id, burst?.units]).sort()).toEqual(
      claim.executions.map(({ execution: id, burst }) => [id, burst?.units]).sort(),
    );
  });

  test('never takes a unit that has left one', async () => {
    await work.addMany(100);
    const claim = await work.claim({ ...OPTIONS, maxInFlight: 0 });
    const { rows } = await work.db.query('select * from tidemark.begin_burst($1, $2, 100, true)', [
      claim.executions[0]?.burst?.id,
      randomUUID(),
    ]);
    for (const { id, epoch, attempt, fence } of rows) {
      await releaseWork(work.db, { id, epoch: Number(epoch), attempt, fence } as never);
    }
    expect((await work.claim({ ...OPTIONS, maxInFlight: 0 })).units).toBe(0);
    expect(alone(await work.claim(OPTIONS))).toHaveLength(40);
  });

  test('does not keep other groups from running', async () => {
    await work.addMany(1_000, { group: 'noisy' });
    await work.claim(OPTIONS);
    await work.addMany(3, { group: 'quiet' });
    expect(alone(await work.claim(OPTIONS))).toHaveLength(3);
  });

  test('can be turned off', async () => {
    await work.addMany(500);
    const claim = await work.claim({ ...OPTIONS, burstSize: 0 });
    expect(bursts(claim)).toEqual([]);
    expect(alone(claim)).toHaveLength(40);
  });
});
