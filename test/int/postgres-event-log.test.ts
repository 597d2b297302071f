import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConflictError, InvalidInputError, LogNotFoundError, UnknownWorkflowError } from '../../src/errors.ts';
import { appendEntries } from '../../src/event-log/append.ts';
import { createLog } from '../../src/event-log/create-log.ts';
import type { LogEntry } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import type { PoolClient } from '../../src/postgres/pool.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { inSchema, type Queryable } from '../../src/postgres/queryable.ts';
import { type EventLogHarness, eventLogContract, testEntry } from '../contract/event-log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let count = 0;
const newId = () => `log-${count++}`;

async function createDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  await database.pool.query(`insert into tidemark.workflow_name (name) values ('mail') on conflict do nothing`);
  return database;
}

eventLogContract('Postgres', async (): Promise<EventLogHarness> => {
  const database = await createDatabase();
  const { pool } = database;
  return {
    async createLog({ pageSize, snapshotEvery, compactEvery } = {}) {
      const id = newId();
      await createLog(pool, { id, type: 'test', snapshotEvery, compactEvery });
      return createPostgresEventLog({ pool, logId: id, watchMs: 10, ...(pageSize === undefined ? {} : { pageSize }) });
    },
    close: () => database.drop(),
  };
});

/** One transaction for the whole suite: whatever is refused in it, it goes on. */
eventLogContract('Postgres, bound to a caller’s transaction', async (): Promise<EventLogHarness> => {
  const database = await createDatabase();
  const { pool } = database;
  const client = await pool.connect();
  await client.query('begin');
  return {
    async createLog({ pageSize, snapshotEvery, compactEvery } = {}) {
      const id = newId();
      await createLog(client, { id, type: 'test', snapshotEvery, compactEvery });
      return createPostgresEventLog({ pool, logId: id, watchMs: 10, ...(pageSize === undefined ? {} : { pageSize }) }).within(
        oneByOne(client),
      );
    },
    async commit() {
      await client.query('commit');
      await client.query('begin');
    },
    async close() {
      await client.query('rollback');
      client.release();
      await database.drop();
    },
  };
});

/** A connection runs one statement at a time; callers who share one wait for each other. */
function oneByOne(client: PoolClient): Queryable {
  let last: Promise<unknown> = Promise.resolve();
  return {
    query(text, values) {
      const result = last.then(() => client.query(text, values));
      last = result.catch(() => {});
      return result;
    },
  };
}

describe('a Postgres event log', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database?.drop());

  const newLog = async (options: { pageSize?: number } = {}) => {
    const logId = newId();
    await createLog(database.pool, { id: logId, type: 'test' });
    return createPostgresEventLog({ pool: database.pool, logId, ...options });
  };
  const inClient = async <T>(body: (client: PoolClient) => Promise<T>): Promise<T> => {
    const client = await database.pool.connect();
    try {
      return await body(client);
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  it('that was not created fails with LogNotFoundError, whatever is asked, and leaves a transaction usable', async () => {
    const log = createPostgresEventLog({ pool: database.pool, logId: 'nowhere' });
    await inClient(async (client) => {
      await client.query('begin');
      for (const target of [log, log.within(client)]) {
        await expect(target.addEntry(testEntry(0), 0n)).rejects.toThrow(LogNotFoundError);
        await expect(target.addEntries([], 0n)).rejects.toThrow(LogNotFoundError);
        await expect(target.query('start', 'end')).rejects.toThrow(LogNotFoundError);
        await expect(target.query('snapshot', 'end', 0n)).rejects.toThrow(LogNotFoundError);
        await expect(target.setMetadata(0n, {})).rejects.toThrow(LogNotFoundError);
        await expect(target.truncate(0n)).rejects.toThrow("There is no log 'nowhere'");
        await expect(target.completeWorkflow(0n, 'snapshot', {})).rejects.toThrow(LogNotFoundError);
      }
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    });
    expect(await log.queryPending()).toEqual([]);
  });

  it('refuses an id that is none, a page size that is none and a schema that is none', () => {
    for (const logId of ['', 'Upper', '-x', 'a b', 'x'.repeat(101), "o'brien", 7 as never]) {
      expect(() => createPostgresEventLog({ pool: database.pool, logId })).toThrow(InvalidInputError);
    }
    expect(() => createPostgresEventLog({ pool: database.pool, logId: 'a', pageSize: 0 })).toThrow('Page size 0');
    expect(() => createPostgresEventLog({ pool: database.pool, logId: 'a', schema: 'a;b' })).toThrow(InvalidInputError);
  });

  it('createLog makes a log once, with its settings, and refuses another type for it', async () => {
    const id = newId();
    const made = await Promise.all(
      Array.from({ length: 5 }, () => createLog(database.pool, { id, type: 'order', typeVersion: 3, settings: { a: [1] } })),
    );
    expect(made.sort()).toEqual(['created', 'exists', 'exists', 'exists', 'exists']);
    expect((await database.pool.query('select * from tidemark.logs where id = $1', [id])).rows).toMatchObject([
      { type: 'order', type_version: 3, settings: { a: [1] }, snapshot_every: null },
    ]);
    await expect(createLog(database.pool, { id, type: 'other' })).rejects.toThrow(`Log '${id}' is of type 'order', not 'other'`);
    await expect(createLog(database.pool, { id: 'No Id', type: 'order' })).rejects.toThrow(InvalidInputError);
    await expect(createLog(database.pool, { id: newId(), type: 'order', snapshotEvery: 0 })).rejects.toThrow('snapshotEvery 0');
    await expect(createLog(database.pool, { id: newId(), type: 'order', typeVersion: 1.5 })).rejects.toThrow('typeVersion 1.5');
    await expect(createLog(database.pool, { id: newId(), type: 'order', snapshotEvery: 5, compactEvery: -1 })).rejects.toThrow(
      'compactEvery -1',
    );
    await expect(createLog(database.pool, { id: newId(), type: 'order', compactEvery: 9 })).rejects.toThrow('without snapshotEvery');
  });

  it('createLog in a transaction is undone with it', async () => {
    const id = newId();
    await inClient(async (client) => {
      await client.query('begin');
      await createLog(client, { id, type: 'test' });
      await createPostgresEventLog({ pool: database.pool, logId: id }).within(client).addEntry(testEntry(0), 0n);
    });
    await expect(createPostgresEventLog({ pool: database.pool, logId: id }).query('start', 'end')).rejects.toThrow(LogNotFoundError);
  });

  it('within a transaction adds what is there when, and only if, that commits, with its unit of work', async () => {
    const log = await newLog();
    const units = async () => (await database.pool.query(`select id from tidemark.work where log_id = $1`, [log.logId])).rows;
    await inClient(async (client) => {
      await client.query('begin');
      await log.within(client).addEntry({ ...testEntry(0), pending: 'snapshot' }, 0n);
      expect((await log.within(client).query('start', 'end')).entries).toHaveLength(1);
      expect((await log.query('start', 'end')).entries).toHaveLength(0);
      await client.query('rollback');
      expect((await log.query('start', 'end')).entries).toHaveLength(0);
      expect(await units()).toEqual([]);
      await client.query('begin');
      await log.within(client).addEntry({ ...testEntry(0), pending: 'snapshot' }, 0n);
      await client.query('commit');
    });
    expect((await log.query('start', 'end')).entries).toHaveLength(1);
    expect(await units()).toEqual([{ id: `snapshot/${log.logId}/0` }]);
    expect(await log.queryPending()).toEqual([{ sequenceId: 0n, workflow: 'snapshot' }]);
  });

  it('a refused call changes nothing else in the caller’s transaction and does not abort it', async () => {
    const log = await newLog();
    await inClient(async (client) => {
      const bound = log.within(client);
      await client.query('begin');
      await bound.addEntry(testEntry('mine'), 0n);
      await expect(bound.addEntry(testEntry(1), 0n)).rejects.toThrow(ConflictError);
      await expect(bound.addEntry({ ...testEntry(1), pending: 'nobody' }, 1n)).rejects.toThrow(UnknownWorkflowError);
      await expect(bound.setMetadata(0n, { pending: 'nobody' })).rejects.toThrow(UnknownWorkflowError);
      await expect(bound.setMetadata(9n, {})).rejects.toThrow('outside this log');
      await expect(bound.truncate(9n)).rejects.toThrow('outside this log');
      await expect(bound.query(9n, 'end')).rejects.toThrow('outside this log');
      await expect(bound.completeWorkflow(9n, 'snapshot', {})).rejects.toThrow('outside this log');
      await client.query('commit');
    });
    expect((await log.query('start', 'end')).entries).toEqual([testEntry('mine')]);
  });

  it('a writer waits for a transaction that holds the end of the log, and learns how it ended', async () => {
    const log = await newLog();
    for (const [end, outcome] of [
      ['commit', 'conflict'],
      ['rollback', 'added'],
    ] as const) {
      const next = (await log.query('start', 'end')).endSequenceId;
      await inClient(async (client) => {
        await client.query('begin');
        await log.within(client).addEntry(testEntry('held'), next);
        const other = log.addEntry(testEntry('other'), next).then(
          () => 'added',
          (error) => error.code,
        );
        await client.query(end);
        expect(await other).toBe(outcome);
      });
    }
  });

  it('a writer that waits for a transaction that appends and truncates takes no place that is gone', async () => {
    const log = await newLog();
    await log.addEntries([testEntry(0), testEntry(1), testEntry(2)], 0n);
    const held = await database.pool.connect();
    try {
      await held.query('begin');
      const bound = log.within(held);
      await bound.addEntry(testEntry(3), 3n);
      await bound.addEntry(testEntry(4), 4n);
      const others = [
        appendEntries(inSchema(database.pool), [testEntry('single')], { logId: log.logId, sequenceId: 'any' }),
        appendEntries(inSchema(database.pool), [testEntry('a'), testEntry('b')], { logId: log.logId, sequenceId: 'any' }),
      ];
      const late = log.addEntry(testEntry('late'), 3n).catch((error) => error);
      await bound.truncate(5n);
      await held.query('commit');
      await Promise.all(others);
      expect(await late).toBeInstanceOf(ConflictError);
    } finally {
      held.release();
    }
    const { startSequenceId, endSequenceId, entries } = await log.query('start', 'end');
    expect({ startSequenceId, endSequenceId, entries: entries.length }).toEqual({ startSequenceId: 5n, endSequenceId: 8n, entries: 3 });
  });

  it('appends of one transaction and those of others beside it never deadlock', async () => {
    const log = await newLog();
    const any = (tx: Queryable, count: number) =>
      appendEntries(
        inSchema(tx),
        Array.from({ length: count }, () => testEntry(0)),
        { logId: log.logId, sequenceId: 'any' },
      );
    for (let round = 0; round < 10; round += 1) {
      await inClient(async (client) => {
        await client.query('begin');
        await any(client, 1);
        const others = [any(database.pool, 2), any(database.pool, 1)];
        await any(client, 2);
        await any(client, 1);
        await client.query('commit');
        await Promise.all(others);
      });
    }
    expect((await log.query('start', 'end')).endSequenceId).toBe(70n);
  });

  it('is one round trip a call; a refusal of one entry may be two', async () => {
    const log = await newLog();
    let statements = 0;
    const counting: Queryable = {
      query(text, values) {
        statements += 1;
        return database.pool.query(text, values);
      },
    };
    const counted = log.within(counting);
    const calls = [
      () => counted.addEntry(testEntry(0), 0n, 0n),
      () => counted.addEntries([{ ...testEntry(1), pending: 'compact' }, testEntry(2)], 1n, 0n),
      () => counted.setMetadata(0n, { snapshot: 's' }),
      () => counted.completeWorkflow(1n, 'compact', { history: 'h' }),
      () => counted.query('snapshot', 'end', 5n),
      () => counted.truncate(1n),
    ];
    for (const call of calls) {
      statements = 0;
      await call();
      expect(statements).toBe(1);
    }
    statements = 0;
    await expect(counted.addEntry(testEntry(0), 0n)).rejects.toThrow(ConflictError);
    expect(statements).toBeLessThanOrEqual(2);
  });

  it('works over a driver that gives bigints as numbers or bigints, and JSON as text', async () => {
    const log = await newLog();
    await log.addEntries([testEntry(0), { ...testEntry(1), snapshot: 's' }], 0n);
    for (const convert of [Number, BigInt]) {
      const adapter: Queryable = {
        async query(text, values) {
          const { rows, fields } = await database.pool.query(text, values);
          for (const { name, dataTypeID } of fields) {
            for (const row of rows) {
              if (dataTypeID === 20 && row[name] !== null) {
                row[name] = convert(row[name]);
              }
            }
          }
          return { rows };
        },
      };
      expect(await log.within(adapter).query('start', 'end', 0n)).toEqual({
        startSequenceId: 0n,
        endSequenceId: 2n,
        isComplete: true,
        lastSnapshot: { sequenceId: 1n, blobId: 's' },
        entries: [testEntry(0), { ...testEntry(1), snapshot: 's' }],
      });
    }
  });

  it("appendEntries at 'any' adds wherever the log ends, and keeps who and why with the entries and their work", async () => {
    const log = await newLog();
    const by = { actor: 'ann@example.org', correlationId: 'request-7', causationId: 'order-placed/3' };
    const batches = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        appendEntries(database.db, [testEntry(index), { ...testEntry(index), pending: 'compact' }] as LogEntry[], {
          logId: log.logId,
          sequenceId: 'any',
          ...by,
        }),
      ),
    );
    expect(batches.map(({ nextSequenceId }) => nextSequenceId).sort((a, b) => Number(a - b))).toEqual(
      Array.from({ length: 10 }, (_, index) => BigInt(2 * index + 2)),
    );
    const kept = { actor: by.actor, correlation_id: by.correlationId, causation_id: by.causationId };
    const { rows } = await database.pool.query(
      `select e.actor, e.correlation_id, e.causation_id, e.committed_at is not null as timed, count(*)::integer from tidemark.entries e where log_id = $1 group by 1, 2, 3, 4`,
      [log.logId],
    );
    expect(rows).toEqual([{ ...kept, timed: true, count: 20 }]);
    expect(
      (await database.pool.query(`select actor, correlation_id, causation_id from tidemark.work where id = $1`, [`compact/${log.logId}/1`]))
        .rows,
    ).toEqual([kept]);
  });

  it('cuts a page at 16 MB of data, so that large entries do not fill the memory, also where they compress well', async () => {
    const log = await newLog({ pageSize: 10_000 });
    const large = [testEntry('x'.repeat(1_000_000)), testEntry(randomBytes(500_000).toString('hex'))];
    for (let first = 0n; first < 40n; first += 2n) {
      await log.addEntries(large, first);
    }
    const sizes: number[] = [];
    for (let start = 0n, complete = false; !complete; ) {
      const page = await log.query(start, 'end');
      sizes.push(page.entries.length);
      start = page.endSequenceId;
      complete = page.isComplete;
    }
    expect(sizes).toEqual([16, 16, 8]);
  });

  it('reads data that another program stored, and names the entry where it is no object', async () => {
    const log = await newLog();
    const store = (data: string) =>
      database.pool.query(`select * from tidemark.append_entries($1, null, array['Foreign'], array[$2])`, [log.logId, data]);
    await store(' { "a" : 1.50 ,\n "type": "inner" } ');
    await store('{}');
    expect((await log.query('start', 'end')).entries).toEqual([{ type: 'Foreign', a: 1.5 }, { type: 'Foreign' }]);
    await store('[1]');
    await expect(log.query(1n, 'end')).rejects.toMatchObject({ code: 'corrupt_entry', message: expect.stringContaining('entry 2') });
  });

  it('hints stop with the last subscriber, and do not end when Postgres is away', async () => {
    const logId = newId();
    await createLog(database.pool, { id: logId, type: 'test' });
    let looks = 0;
    let away = false;
    const pool: Queryable = {
      query(text, values) {
        looks += 1;
        return away ? Promise.reject(new Error('connection terminated')) : database.pool.query(text, values);
      },
    };
    const log = createPostgresEventLog({ pool, logId, watchMs: 5 });
    let hints = 0;
    const until = async (condition: () => boolean) => {
      const deadline = Date.now() + 5_000;
      while (!condition()) {
        expect(Date.now()).toBeLessThan(deadline);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    const end = log.subscribe(() => {
      hints += 1;
    });
    await until(() => hints === 1);
    away = true;
    const before = looks;
    await until(() => looks > before + 2);
    away = false;
    await createPostgresEventLog({ pool: database.pool, logId }).addEntry(testEntry(0), 0n);
    await until(() => hints === 2);
    end();
    const after = looks;
    const again = log.subscribe(() => {});
    again();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(looks).toBeLessThanOrEqual(after + 1);
  });

  it('a pool that cannot connect fails with the driver’s error', async () => {
    const pool = createPool({ connectionString: 'postgres://nobody@127.0.0.1:1/none', connectionTimeoutMs: 1_000 });
    await expect(createPostgresEventLog({ pool, logId: 'a' }).query('start', 'end')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await pool.end();
  });
});
