import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { createPostgresBlobStore, type PostgresBlobStoreOptions } from '../../src/blob-store/postgres-blob-store.ts';
import { CHUNK_BYTES, MAX_BLOB_BYTES } from '../../src/blob-store/write-postgres-blob.ts';
import { BlobNotFoundError, CorruptBlobError, InvalidInputError, NoContinuationError } from '../../src/errors.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { blobStoreContract, bytes } from '../contract/blob-store.ts';
import { dirOf, patterned } from '../support/blobs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.pool.query('delete from tidemark.blob');
});

blobStoreContract('Postgres, as tidemark_app', (options) => createPostgresBlobStore({ pool: database.pool, ...options }));

const rootOf = (options: Partial<PostgresBlobStoreOptions> = {}): Promise<BlobDir> =>
  createPostgresBlobStore({ pool: database.pool, ...options }).getRootDir();

const countChunks = async (): Promise<number> =>
  (await database.pool.query('select count(*)::integer as n from tidemark.blob_chunk')).rows[0].n;

describe('content', () => {
  it.each([
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    3 * CHUNK_BYTES,
    8 * CHUNK_BYTES,
    8 * CHUNK_BYTES + 1,
    20 * CHUNK_BYTES + 12_345,
  ])('of %i bytes comes back byte for byte, in a plain array of its length', async (length) => {
    const root = await rootOf();
    const content = patterned(length);
    await root.writeBlob('b', content);
    const read = await root.readBlob('b');
    expect(Object.getPrototypeOf(read)).toBe(Uint8Array.prototype);
    expect(read.buffer.byteLength).toBe(length);
    expect(Buffer.compare(read, content)).toBe(0);
    expect(await countChunks()).toBe(Math.ceil(length / CHUNK_BYTES));
  });

  it('is stored once: what was overwritten or removed, by whomever, leaves no chunk', async () => {
    const root = await rootOf();
    const dir = await root.getDir('a');
    await dir.writeBlob('1', patterned(3 * CHUNK_BYTES));
    await dir.writeBlob('1', bytes(1));
    expect(await countChunks()).toBe(1);
    await dir.writeBlob('2', patterned(2 * CHUNK_BYTES));
    await dir.removeBlob('1');
    expect(await countChunks()).toBe(2);
    await dir.removeAll();
    expect(await countChunks()).toBe(0);
    await dir.writeBlob('3', bytes(1));
    await database.ownerPool.query(`delete from tidemark.blob where directory = '{a}'`);
    expect(await countChunks()).toBe(0);
  });

  it('is not compressed again', async () => {
    await (await rootOf()).writeBlob('b', new Uint8Array(CHUNK_BYTES));
    const { rows } = await database.pool.query('select pg_column_size(data) as size from tidemark.blob_chunk');
    expect(rows[0].size).toBe(CHUNK_BYTES);
  });

  it('over the limit is refused before anything is sent', async () => {
    const root = await rootOf({ pool: { query: () => Promise.reject(new Error('sent')) } });
    // Not a byte of it is touched, so it takes no memory.
    await expect(root.writeBlob('b', new Uint8Array(MAX_BLOB_BYTES + 1))).rejects.toThrow(InvalidInputError);
  });

  it('whose chunks are not all there is an error that names the blob', async () => {
    const root = await rootOf();
    for (const chunks of [1, 3, 20]) {
      await root.writeBlob('b', patterned(chunks * CHUNK_BYTES));
      await database.ownerPool.query('delete from tidemark.blob_chunk where place = $1', [chunks - 1]);
      await expect(root.readBlob('b')).rejects.toThrow(CorruptBlobError);
      await expect(root.readBlob('b')).rejects.toThrow("Blob 'b' cannot be used");
    }
  });
});

describe('pages', () => {
  it('put directories and blobs in one order, with names that begin alike, deep and without blobs of their own', async () => {
    const root = await rootOf({ pageSize: 2 });
    const names = ['a', 'a ', 'a!', 'a-b', 'a.b', 'aa', '~', 'é', '漢', '🌊'];
    for (const [index, name] of names.entries()) {
      await (index % 2 === 0 ? (await dirOf(root, name, 'x', 'y')).writeBlob('z', bytes(1)) : root.writeBlob(name, bytes(1)));
    }
    const seen: string[] = [];
    let continuation: string | undefined;
    do {
      const page = await root.query(continuation);
      expect(page.dirs.every((name) => names.indexOf(name) % 2 === 0)).toBe(true);
      seen.push(...[...page.blobs, ...page.dirs].sort());
      continuation = page.continuation;
    } while (continuation !== undefined);
    expect(seen).toEqual(names);
    const inOnePage = await (await rootOf()).query();
    expect(inOnePage).toEqual({
      blobs: names.filter((_, index) => index % 2 === 1),
      dirs: names.filter((_, index) => index % 2 === 0),
    });
    const deep = await dirOf(root, 'a', 'x');
    expect(await deep.query()).toEqual({ blobs: [], dirs: ['y'] });
    await expect(deep.query((await root.query()).continuation)).rejects.toThrow(NoContinuationError);
  });

  it('removeAll takes what is below and nothing that begins alike', async () => {
    const root = await rootOf();
    for (const name of ['a', 'a!', 'a b', 'aa', 'A']) {
      await (await dirOf(root, name, 'x')).writeBlob('z', bytes(1));
    }
    await (await root.getDir('a')).removeAll();
    expect(await root.query()).toEqual({ blobs: [], dirs: ['A', 'a b', 'a!', 'aa'].sort() });
  });
});

describe('paths', () => {
  it('of the stated length are taken, longer ones refused', async () => {
    let dir = await rootOf();
    for (let depth = 0; depth < 49; depth += 1) {
      dir = await dir.getDir('x'.repeat(40));
    }
    await dir.writeBlob('y'.repeat(40), bytes(1));
    expect(await dir.readBlob('y'.repeat(40))).toEqual(bytes(1));
    await expect(dir.writeBlob('y'.repeat(41), bytes(1))).rejects.toThrow(InvalidInputError);
    await expect(dir.getDir('z').then((deeper) => deeper.getDir('z'))).rejects.toThrow(InvalidInputError);
  });
});

describe('who may', () => {
  it('a reader may read, and neither write nor remove', async () => {
    const { ownerPool, name, ownerUrl } = database;
    await (await rootOf()).writeBlob('b', bytes(1));
    const role = `reader_of_${name}`;
    const url = new URL(ownerUrl);
    await ownerPool.query(`create role ${role} login password '${url.password}' in role tidemark_reader`);
    url.username = role;
    const pool = createPool({ connectionString: url.href, max: 1 });
    try {
      const root = await rootOf({ pool });
      expect(await root.readBlob('b')).toEqual(bytes(1));
      expect(await root.query()).toEqual({ blobs: ['b'], dirs: [] });
      for (const refused of [root.writeBlob('b', bytes(2)), root.removeBlob('b'), root.removeAll()]) {
        await expect(refused).rejects.toMatchObject({ code: '42501' });
      }
      expect(await root.readBlob('b')).toEqual(bytes(1));
    } finally {
      await pool.end();
      await ownerPool.query(`drop role ${role}`);
    }
  });

  it('stores of two schemas know nothing of each other', async () => {
    await migrate({ connectionString: database.ownerUrl, schema: 'other' });
    const [here, there] = [await rootOf(), await rootOf({ schema: 'other' })];
    await here.writeBlob('b', bytes(1));
    await expect(there.readBlob('b')).rejects.toThrow(BlobNotFoundError);
    await (await there.getDir('b')).writeBlob('c', bytes(2));
    expect(await here.query()).toEqual({ blobs: ['b'], dirs: [] });
    expect(() => createPostgresBlobStore({ pool: database.pool, schema: 'Other' })).toThrow(InvalidInputError);
  });
});
