/** The blob store in Postgres while others use it, or while Postgres goes away. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { createPostgresBlobStore, type PostgresBlobStoreOptions } from '../../src/blob-store/postgres-blob-store.ts';
import { CHUNK_BYTES } from '../../src/blob-store/write-postgres-blob.ts';
import { BlobWrongKindError } from '../../src/errors.ts';
import { createPool, type Pool, type PoolClient } from '../../src/postgres/pool.ts';
import { classifyError } from '../../src/work/classify-error.ts';
import { bytes } from '../contract/blob-store.ts';
import { dirOf, patterned } from '../support/blobs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.pool.query('delete from tidemark.blob');
});

const rootOf = (options: Partial<PostgresBlobStoreOptions> = {}): Promise<BlobDir> =>
  createPostgresBlobStore({ pool: database.pool, ...options }).getRootDir();

const countChunks = async (): Promise<number> =>
  (await database.pool.query('select count(*)::integer as n from tidemark.blob_chunk')).rows[0].n;

/** A connection that is in the middle of what it does until it is told to go on. */
async function holding<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    return await use(client);
  } finally {
    await client.query('rollback').catch((error) => {
      broken = error;
    });
    client.release(broken);
  }
}

const writing = (client: PoolClient, path: string[]) =>
  client.query('select obstacle, obstacle_kind from tidemark.write_blob($1, $2, 1, null, $3)', [
    path.slice(0, -1),
    path.at(-1),
    Buffer.from([1]),
  ]);

const untilWaiting = (waiting: number) =>
  until(`${waiting} waiting for a lock`, async () => {
    const { rows } = await database.ownerPool.query(
      `select count(*)::integer as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0].n === waiting;
  });

describe('a reader during a rewrite', () => {
  it.each([
    ['of one chunk', 1_000],
    ['of several chunks', 4 * CHUNK_BYTES],
    ['of more than one answer', 12 * CHUNK_BYTES],
  ])('%s finds the old content until the commit, the new after it, and waits for nobody', async (_, length) => {
    const root = await rootOf();
    await root.writeBlob('b', patterned(length, 1));
    await holding(async (client) => {
      await createPostgresBlobStore({ pool: { query: client.query.bind(client), transaction: (body) => body(client) } })
        .getRootDir()
        .then((dir) => dir.writeBlob('b', patterned(length, 2)));
      expect(Buffer.compare(await root.readBlob('b'), patterned(length, 1))).toBe(0);
      await client.query('commit');
      expect(Buffer.compare(await root.readBlob('b'), patterned(length, 2))).toBe(0);
    });
  });

  it('that has read a part goes on with the content it began with', async () => {
    const root = await rootOf();
    await root.writeBlob('b', patterned(20 * CHUNK_BYTES, 1));
    let answers = 0;
    const slow: PostgresBlobStoreOptions['pool'] = {
      query: (text, values) => database.pool.query(text, values),
      transaction: (body) =>
        holding((client) =>
          body({
            async query(text, values) {
              const answer = await client.query(text, values);
              answers += 1;
              if (answers === 3) await root.writeBlob('b', bytes(2));
              return answer;
            },
          }),
        ),
    };
    const read = await (await rootOf({ pool: slow })).readBlob('b');
    expect(answers).toBeGreaterThan(3);
    expect(Buffer.compare(read, patterned(20 * CHUNK_BYTES, 1))).toBe(0);
    expect(await root.readBlob('b')).toEqual(bytes(2));
  });

  it('never sees a mix, however many write and read at once', async () => {
    const root = await rootOf();
    const lengths = [10, CHUNK_BYTES + 7, 9 * CHUNK_BYTES];
    const write = (index: number) => root.writeBlob('b', new Uint8Array(lengths[index % 3] as number).fill(index));
    await write(0);
    await Promise.all(
      Array.from({ length: 4 }, async (_, lane) => {
        for (let round = 0; round < 6; round += 1) {
          await write(lane * 6 + round);
          const content = await root.readBlob('b');
          expect(content.byteLength).toBe(lengths[(content[0] as number) % 3]);
          expect(content.every((byte) => byte === content[0])).toBe(true);
        }
      }),
    );
    expect(await countChunks()).toBe(Math.ceil((await root.readBlob('b')).byteLength / CHUNK_BYTES));
  });
});

describe('of one who writes a blob and one who writes below it', () => {
  it.each([
    ['the blob', ['a'], ['a', 'b'], "'a' is a blob, not a directory."],
    ['the one below', ['a', 'b'], ['a'], "'a' is a directory, not a blob."],
    ['the blob, far above', ['a'], ['a', 'b', 'c', 'd'], "'a' is a blob, not a directory."],
    ['the one far below', ['a', 'b', 'c', 'd'], ['a', 'b'], "'a/b' is a directory, not a blob."],
  ])('%s, if it is first: the other waits for it, and is refused', async (_, first, second, message) => {
    const root = await rootOf();
    await holding(async (client) => {
      await writing(client, first);
      const parent = await dirOf(root, ...second.slice(0, -1));
      const other = parent.writeBlob(second.at(-1) as string, bytes(2)).then(
        () => 'written',
        (error: Error) => error,
      );
      await untilWaiting(1);
      await client.query('commit');
      expect(await other).toMatchObject({ name: BlobWrongKindError.name, message });
    });
    expect(await countChunks()).toBe(1);
  });

  it('the second, if the first rolls back', async () => {
    const root = await rootOf();
    const other = await holding(async (client) => {
      await writing(client, ['a']);
      const written = (await root.getDir('a')).writeBlob('b', bytes(2));
      await untilWaiting(1);
      return { written };
    });
    await other.written;
    expect(await root.query()).toEqual({ blobs: [], dirs: ['a'] });
  });

  it('exactly one wins, every time, with blobs of one chunk and of several', async () => {
    const root = await rootOf();
    for (let round = 0; round < 40; round += 1) {
      const a = await root.getDir(`r${round}`);
      const content = round % 4 === 0 ? patterned(2 * CHUNK_BYTES) : bytes(round);
      const results = await Promise.allSettled([
        root.writeBlob(`r${round}`, content),
        a.writeBlob('b', content),
        dirOf(a, 'c').then((c) => c.writeBlob('d', bytes(1))),
      ]);
      const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason);
      expect(refused.length).toBe(results[0]?.status === 'fulfilled' ? 2 : 1);
      expect(refused.every((reason) => reason instanceof BlobWrongKindError)).toBe(true);
    }
  });

  it('nobody waits whose paths only begin alike', async () => {
    const root = await rootOf();
    await holding(async (client) => {
      await writing(client, ['a', 'b', 'c']);
      await (await dirOf(root, 'a', 'b')).writeBlob('d', bytes(1));
      await (await dirOf(root, 'a')).writeBlob('e', bytes(1));
      await root.writeBlob('c', bytes(1));
    });
  });

  it('is refused where the role’s isolation level would not see the other', async () => {
    const url = new URL(database.appUrl);
    url.searchParams.set('options', '-c default_transaction_isolation=repeatable\\ read');
    const pool = createPool({ connectionString: url.href, max: 1 });
    try {
      await expect((await rootOf({ pool })).writeBlob('b', bytes(1))).rejects.toThrow('at isolation level read committed');
    } finally {
      await pool.end();
    }
  });
});

it('two who remove the same at once both succeed', async () => {
  const root = await rootOf();
  const a = await root.getDir('a');
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(Array.from({ length: 40 }, (_, index) => a.writeBlob(`${index}`, bytes(index))));
    await Promise.all([a.removeAll(), root.removeAll(), a.removeAll(), a.removeBlob('7')]);
    expect(await root.query()).toEqual({ blobs: [], dirs: [] });
  }
});

describe('where Postgres goes away', () => {
  it('calls fail with an error that is worth another try', async () => {
    const pool: Pool = createPool({ connectionString: 'postgres://app@127.0.0.1:1/nowhere', max: 1 });
    const root = await rootOf({ pool });
    for (const call of [root.readBlob('b'), root.writeBlob('b', bytes(1)), root.removeBlob('b'), root.getDir('b'), root.query()]) {
      expect(classifyError(await call.catch((error) => error))).toBe('infrastructure');
    }
    await pool.end();
  });

  it('in the middle of a large write, nothing of it is there, and the old content is', async () => {
    const root = await rootOf();
    await root.writeBlob('b', patterned(CHUNK_BYTES + 1));
    let statements = 0;
    const breaking: PostgresBlobStoreOptions['pool'] = {
      query: (text, values) => database.pool.query(text, values),
      transaction: (body) =>
        holding(async (client) => {
          client.on('error', () => {});
          const { rows } = await client.query('select pg_backend_pid() as pid');
          return body({
            async query(text, values) {
              statements += 1;
              if (statements === 3) await database.ownerPool.query('select pg_terminate_backend($1)', [rows[0].pid]);
              return client.query(text, values);
            },
          });
        }),
    };
    const store = await rootOf({ pool: breaking });
    const failure = await store.writeBlob('b', patterned(5 * CHUNK_BYTES)).catch((error) => error);
    expect(classifyError(failure)).toBe('infrastructure');
    expect(statements).toBe(3);
    expect(Buffer.compare(await root.readBlob('b'), patterned(CHUNK_BYTES + 1))).toBe(0);
    expect(await countChunks()).toBe(2);
  });
});
