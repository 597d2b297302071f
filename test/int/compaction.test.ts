/** Compaction on Postgres: what leaves the log, what the history keeps, and who else is at the log meanwhile. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { blobsOfLog } from '../../src/blob-store/blobs-of-log.ts';
import { readHistoryRoot } from '../../src/history/history-root.ts';
import { storedEntriesInPostgres } from '../../src/history/read-stored-entries.ts';
import { readSegment } from '../../src/history/segment.ts';
import { truncateArchived } from '../../src/history/truncate-archived.ts';
import {
  createMemoryBlobStore,
  createPostgresEventLog,
  createTidemark,
  defineEntryWork,
  defineLogType,
  SequenceRangeError,
  type Tidemark,
} from '../../src/index.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { unitHandlers } from '../../src/registry.ts';
import { expectWork, runUntilIdle } from '../../src/testing.ts';
import { failWork, finishWork } from '../../src/work/end.ts';
import { runUnit } from '../../src/work/run-unit.ts';
import type { UnitHandler } from '../../src/work/unit.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { type WorkRows, workRows } from '../support/work-rows.ts';

const tally = defineLogType({
  type: 'tally',
  version: 1,
  snapshotEvery: 10,
  compactEvery: 25,
  entry: z.object({ type: z.literal('Counted'), by: z.number(), text: z.string().optional() }),
  initial: () => ({ total: 0, entries: 0 }),
  apply: ({ total, entries }, { by }) => ({ total: total + by, entries: entries + 1 }),
});
const mail = defineEntryWork({ name: 'mail', logType: tally, handler: async () => ({ result: 'sent' }) });

const SERIALIZATION_FAILURE = '40001';

let database: TestDatabase;
let work: WorkRows;
let tidemark: Tidemark;
const blobs = createMemoryBlobStore();

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 20 });
  work = workRows(database);
  tidemark = createTidemark({ db: database.pool, logTypes: [tally], entryWork: [mail], blobs });
  await work.register('mail');
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const newId = () => `t-${randomUUID().slice(0, 8)}`;
const counted = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ type: 'Counted' as const, by: from + index }));
const stateAfter = (count: number) => ({ total: (count * Math.abs(count - 1)) / 2, entries: count });
const logOf = (id: string) => tidemark.log(tally, id);
const heldFrom = async (id: string) => (await logOf(id).eventLog.query('start', 0n)).startSequenceId;

async function allOf(id: string) {
  const entries: unknown[] = [];
  for await (const { entry } of logOf(id).entries()) {
    const { snapshot: _, history: __, pending: ___, ...own } = entry;
    entries.push(own);
  }
  return entries;
}

/** A log with that many entries, of which the last one asks for a compaction. */
async function askedAt(count: number): Promise<{ id: string; at: bigint; unit: string }> {
  const id = newId();
  await work.log(id, 'tally');
  await logOf(id).append(counted(0, count), { expect: 0n, pending: 'compact' });
  return { id, at: BigInt(count - 1), unit: `compact/${id}/${count - 1}` };
}

describe('by policy', () => {
  test('a log that grows is compacted again and again, and reads as if it never were', async () => {
    const id = newId();
    for (let next = 0; next < 130; next += 1) {
      await logOf(id).append(counted(next, next + 1), { expect: BigInt(next) });
      if (next % 7 === 0) await runUntilIdle(tidemark);
    }
    await runUntilIdle(tidemark);
    const units = await expectWork(tidemark, { log: id, state: 'done' });
    expect(units.filter(({ workflow }) => workflow === 'compact').length).toBeGreaterThan(3);
    expect(await heldFrom(id)).toBeGreaterThan(90n);
    expect(await allOf(id)).toEqual(counted(0, 130));
    for (const at of [0, 1, 24, 25, 77, 129, 130]) expect(await logOf(id).state({ at: BigInt(at) })).toEqual(stateAfter(at));
    expect(await logOf(id).state()).toEqual(stateAfter(130));
    const ranged: number[] = [];
    for await (const { entry } of logOf(id).entries({ from: 20n, to: 122n })) ranged.push(entry.by);
    expect(ranged).toEqual(counted(20, 122).map(({ by }) => by));
  });

  test('a new version of its type is folded from the history', async () => {
    const { id } = await askedAt(30);
    await runUntilIdle(tidemark);
    expect(await heldFrom(id)).toBe(29n);
    const negated = defineLogType({
      ...tallyParts,
      version: 2,
      apply: ({ total, entries }, { by }) => ({ total: total - by, entries: entries + 1 }),
    });
    const app = createTidemark({ db: database.pool, logTypes: [negated], blobs });
    await app.log(negated, id).append(counted(30, 31), { expect: 30n, pending: 'snapshot' });
    await runUntilIdle(app);
    await expectWork(app, { log: id, sequenceId: 30n, state: 'done' });
    expect(await app.log(negated, id).state()).toEqual({ total: -stateAfter(31).total, entries: 31 });
    await app.close();
  });
});

const { snapshots: _, ...tallyType } = tally;
const tallyParts = { type: tallyType.type, entry: z.object({ type: z.literal('Counted'), by: z.number() }), initial: tallyType.initial };

describe('the history', () => {
  test('keeps entries whole: data as sent, who, why and when', async () => {
    const id = newId();
    await work.log(id, 'tally');
    const data = ' { "by" : 1.50 ,\n "text": "\\ud83c \\u0000 🌊", "big": 12345678901234567890 } ';
    await database.pool.query(
      `select * from tidemark.append_entries($1, null, array['Counted'], array[$2], p_actor => 'ann', p_correlation_id => 'c', p_causation_id => 'd')`,
      [id, data],
    );
    const { rows } = await database.pool.query(
      `select to_char(committed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at from tidemark.entries where log_id = $1`,
      [id],
    );
    await logOf(id).append(counted(0, 2), { expect: 1n, pending: 'compact' });
    await runUntilIdle(tidemark);
    const dir = await blobsOfLog(blobs, id);
    const { history } = await work.entry(id, 2);
    const root = await readHistoryRoot(dir, history as string);
    expect((await readSegment(dir, root.segments[0] as never)).rows[0]).toEqual(['Counted', data, rows[0].at, 'ann', 'c', 'd']);
  });

  test('of large entries, also those that Postgres has compressed, is read and cut in bounded parts', async () => {
    const id = newId();
    await work.log(id, 'tally');
    const text = 'x'.repeat(900_000);
    for (let next = 0; next < 12; next += 6) {
      await logOf(id).append(
        counted(next, next + 6).map((entry) => ({ ...entry, text })),
        { expect: BigInt(next) },
      );
    }
    await logOf(id).append(counted(12, 300), { expect: 12n, pending: 'compact' });
    const read = storedEntriesInPostgres(work.db, id);
    const sizes: number[] = [];
    for (let next = 0; next < 300; next += sizes.at(-1) as number) sizes.push((await read(BigInt(next), 300n)).length);
    expect(Math.max(...sizes.slice(0, 3))).toBe(4);
    expect(sizes.length).toBeLessThan(40);
    await runUntilIdle(tidemark);
    const root = await readHistoryRoot(await blobsOfLog(blobs, id), (await work.entry(id, 299)).history as string);
    expect(Math.max(...root.segments.map(({ bytes }) => bytes))).toBeLessThan(5 * 1_048_576);
    expect(await allOf(id)).toHaveLength(300);
  });
});

describe('the end of a compaction', () => {
  test('sets snapshot and history, clears pending, truncates and ends the unit together', async () => {
    const { id, at, unit } = await askedAt(30);
    await runUntilIdle(tidemark);
    expect(await work.entry(id, at)).toEqual({
      pending: null,
      snapshot: expect.stringMatching(/^state-v1-29-/),
      history: expect.stringMatching(/^history-29-/),
    });
    expect(await heldFrom(id)).toBe(29n);
    expect(await work.row(unit)).toMatchObject({ state: 'done', result: { archived: 29, historyFrom: '0', logFrom: '29' } });
  });

  test('of an attempt that another has taken over changes nothing, and of the one that took over everything', async () => {
    const { id, at, unit } = await askedAt(30);
    const options = { pool: database.pool, schema: 'tidemark', signal: new AbortController().signal, deadlineMs: 10_000 };
    const handler = unitHandlers(tidemark.registry, { pool: database.pool, schema: 'tidemark', blobs }).get('compact') as UnitHandler;
    const zombie = await work.begin(unit);
    const successor = await work.begin(unit);
    expect(await runUnit(zombie, handler, options)).toEqual({ type: 'fenced' });
    expect(await heldFrom(id)).toBe(0n);
    expect(await work.entry(id, at)).toEqual({ pending: 'compact', snapshot: null, history: null });
    expect(await runUnit(successor, handler, options)).toEqual({ type: 'finished' });
    expect(await heldFrom(id)).toBe(29n);
    expect(await runUnit(zombie, handler, options)).toEqual({ type: 'fenced' });
    expect(await allOf(id)).toEqual(counted(0, 30));
  });

  test('of an entry that was completed, cleared or truncated away meanwhile drops nothing', async () => {
    const { id, at } = await askedAt(30);
    await logOf(id).eventLog.setMetadata(at, { pending: undefined });
    expect(await truncateArchived(work.db, id, at)).toBeUndefined();
    expect(await heldFrom(id)).toBe(0n);
    const other = await askedAt(30);
    await logOf(other.id).append(counted(30, 31), { expect: 30n });
    await logOf(other.id).eventLog.truncate(30n);
    expect(await truncateArchived(work.db, other.id, other.at)).toBeUndefined();
    await runUntilIdle(tidemark);
    await expectWork(tidemark, { id: other.unit, state: 'cancelled' });
    expect(await heldFrom(other.id)).toBe(30n);
  });

  test('leaves entries that still wait for work of the application’s own, and what is after them', async () => {
    const { id, at } = await askedAt(30);
    // Behind the compaction in its log's order.
    await logOf(id).eventLog.setMetadata(12n, { pending: 'mail' });
    await runUntilIdle(tidemark);
    await expectWork(tidemark, { log: id, workflow: 'mail', state: 'done' });
    expect(await heldFrom(id)).toBe(12n);
    expect(await work.entry(id, at)).toMatchObject({ pending: null, history: expect.any(String) });
    expect(await allOf(id)).toEqual(counted(0, 30));
    await logOf(id).append(counted(30, 40), { expect: 30n, pending: 'compact' });
    await runUntilIdle(tidemark);
    expect(await heldFrom(id)).toBe(39n);
    expect(await allOf(id)).toEqual(counted(0, 40));
  });

  test('where an entry begins to wait at the last moment, is tried again, and the entry stays', async () => {
    const { id, at } = await askedAt(30);
    const holder = await database.pool.connect();
    try {
      await holder.query('begin');
      await logOf(id).eventLog.query('start', 0n);
      await createPostgresEventLog({ pool: database.pool, logId: id }).within(holder).setMetadata(7n, { pending: 'mail' });
      const refused = truncateArchived(work.db, id, at).catch((error) => error);
      await until('it waits for the entry', async () => (await waitingFor('truncate_archived')) > 0);
      await holder.query('commit');
      expect(await refused).toMatchObject({ code: SERIALIZATION_FAILURE });
      expect(await heldFrom(id)).toBe(0n);
    } finally {
      holder.release();
    }
    await runUntilIdle(tidemark);
    expect(await heldFrom(id)).toBe(7n);
    await expectWork(tidemark, { log: id, workflow: 'mail', state: 'done' });
  });

  test('while a transaction holds the log open is put off and never fails for it', async () => {
    const { id, unit } = await askedAt(30);
    const holder = await database.pool.connect();
    try {
      await holder.query('begin');
      await createPostgresEventLog({ pool: database.pool, logId: id }).within(holder).addEntry({ type: 'Counted' }, 30n);
      const options = { pool: database.pool, schema: 'tidemark', signal: new AbortController().signal, deadlineMs: 10_000 };
      const handler = unitHandlers(tidemark.registry, { pool: database.pool, schema: 'tidemark', blobs }).get('compact') as UnitHandler;
      const outcome = await runUnit(await work.begin(unit), handler, options);
      expect(outcome).toMatchObject({ type: 'failed', kind: 'infrastructure', error: { code: '55P03' } });
      await holder.query('rollback');
      expect(await runUnit(await work.begin(unit), handler, options)).toEqual({ type: 'finished' });
    } finally {
      holder.release();
    }
    expect(await heldFrom(id)).toBe(29n);
  });

  test('while a transaction holds its key holds up no append for longer than two seconds', async () => {
    const { id, unit } = await askedAt(30);
    const holder = await database.pool.connect();
    try {
      await logOf(id).append(counted(30, 31), { expect: 30n });
      await holder.query('begin');
      // Adds a unit behind it, so it has the key.
      await createPostgresEventLog({ pool: database.pool, logId: id }).within(holder).setMetadata(30n, { pending: 'mail' });
      const options = { pool: database.pool, schema: 'tidemark', signal: new AbortController().signal, deadlineMs: 10_000 };
      const handler = unitHandlers(tidemark.registry, { pool: database.pool, schema: 'tidemark', blobs }).get('compact') as UnitHandler;
      const running = runUnit(await work.begin(unit), handler, options);
      expect(await running).toMatchObject({ type: 'failed', kind: 'infrastructure', error: { code: '55P03' } });
      await logOf(id).append(counted(31, 32), { expect: 31n });
      await holder.query('rollback');
      expect(await runUnit(await work.begin(unit), handler, options)).toEqual({ type: 'finished' });
    } finally {
      holder.release();
    }
  });

  test('whose worker is stopped before its commit lets go of the log by itself', async () => {
    const { id, unit } = await askedAt(30);
    const stopped = await database.pool.connect();
    try {
      await stopped.query('begin');
      await truncateArchived(inSchema(stopped, 'tidemark'), id, 29n);
      const { rows } = await stopped.query(`select current_setting('idle_in_transaction_session_timeout') as timeout`);
      expect(rows[0].timeout).toBe('30s');
      await stopped.query('rollback');
    } finally {
      stopped.release();
    }
    await finishWork(work.db, await work.begin(unit), {});
  });

  test('closes the dead snapshots and compactions before it', async () => {
    const id = newId();
    await work.log(id, 'tally');
    const dead = { code: 'broken', message: 'it is broken' };
    for (const [from, to, pending] of [
      [0, 10, 'snapshot'],
      [10, 20, 'compact'],
    ] as const) {
      await logOf(id).append(counted(from, to), { expect: BigInt(from), pending });
      await failWork(work.db, await work.begin(`${pending}/${id}/${to - 1}`), dead, { dead: true });
    }
    await logOf(id).append(counted(20, 30), { expect: 20n, pending: 'compact' });
    await runUntilIdle(tidemark);
    const units = await expectWork(tidemark, { log: id, state: 'done', count: 3 });
    expect(units.map(({ workflow, result }) => [workflow, (result as { supersededBy?: string }).supersededBy])).toEqual(
      [
        ['compact', '29'],
        ['compact', undefined],
        ['snapshot', '29'],
      ].sort(([a], [b]) => (a as string).localeCompare(b as string)),
    );
    expect(await heldFrom(id)).toBe(29n);
  });

  test('of a later snapshot leaves a dead compaction dead: that did what it did not', async () => {
    const { id, unit } = await askedAt(10);
    await failWork(work.db, await work.begin(unit), { code: 'broken', message: 'x' }, { dead: true });
    await logOf(id).append(counted(10, 20), { expect: 10n, pending: 'snapshot' });
    await finishWork(work.db, await work.begin(`snapshot/${id}/19`), { snapshot: 'S' });
    expect((await work.row(unit)).state).toBe('dead');
  });
});

async function waitingFor(statement: string): Promise<number> {
  const { rows } = await database.ownerPool.query(
    `select count(*)::integer as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
    [`%${statement}%`],
  );
  return rows[0].waiting;
}

describe('beside everybody else', () => {
  test('appends, metadata, snapshots, truncations and compactions of one log never deadlock, and nothing is lost', async () => {
    const id = newId();
    await work.log(id, 'tally');
    await logOf(id).append(counted(0, 10), { expect: 0n });
    const log = logOf(id).eventLog;
    const failures: unknown[] = [];
    let running = true;
    const lane = async (step: (turn: number) => Promise<unknown>) => {
      for (let turn = 0; running; turn += 1) {
        await step(turn).catch((error) => {
          // Truncated under its feet, or beaten by another append: what it asked for is gone.
          if (!(error instanceof SequenceRangeError)) failures.push(error);
        });
        await delay(1);
      }
    };
    const bounds = async () => {
      const { rows } = await database.pool.query('select first_sequence_id, next_sequence_id from tidemark.logs where id = $1', [id]);
      return { first: BigInt(rows[0].first_sequence_id), next: BigInt(rows[0].next_sequence_id) };
    };
    let appended = 10;
    const lanes = [
      // Not in turns: each at wherever the log ends.
      ...[1, 2].map(() =>
        lane(async () => {
          const { sequenceId, nextSequenceId } = await logOf(id).append(
            counted(0, 3).map(() => ({ type: 'Counted' as const, by: 1 })),
            { expect: 'any' },
          );
          appended += Number(nextSequenceId - sequenceId);
        }),
      ),
      lane(async (turn) => {
        const { first, next } = await bounds();
        const at = first + ((next - first) * BigInt(turn % 5)) / 5n;
        await log.setMetadata(at < next ? at : next - 1n, { pending: turn % 3 === 0 ? 'mail' : 'compact' });
      }),
      lane(() =>
        runUntilIdle(tidemark, { timeoutMs: 20_000 }).catch((error) => (error.code === 'not_idle' ? undefined : Promise.reject(error))),
      ),
      lane(async () => {
        // What a zombie would do.
        const { next } = await bounds();
        await inZombieTransaction(id, next - 1n).catch((error) => {
          // An entry under it began to wait for work: it would be tried again.
          if (error.code !== SERIALIZATION_FAILURE) throw error;
        });
      }),
    ];
    await delay(3_000);
    running = false;
    await Promise.all(lanes);
    expect(failures).toEqual([]);
    await runUntilIdle(tidemark);
    expect(await heldFrom(id)).toBeGreaterThan(0n);
    const entries = (await allOf(id)) as { by: number }[];
    expect(entries).toHaveLength(appended);
    expect(entries.slice(0, 10)).toEqual(counted(0, 10));
    expect(await logOf(id).state()).toEqual({ total: 45 + appended - 10, entries: appended });
    const { rows } = await database.pool.query(
      `select state, error from tidemark.work where log_id = $1 and state not in ('done', 'cancelled')`,
      [id],
    );
    expect(rows).toEqual([]);
  }, 40_000);
});

/** Truncates and is fenced: everything it locked is released, nothing is changed. */
async function inZombieTransaction(id: string, at: bigint): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await truncateArchived(inSchema(client), id, at);
    await delay(2);
  } finally {
    await client.query('rollback');
    client.release();
  }
}
