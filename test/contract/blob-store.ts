/** What every blob store promises. Run it over an implementation: `blobStoreContract('a directory', ({ pageSize }) => …)`. */
import { describe, expect, it } from 'vitest';
import type { BlobDir, BlobStore } from '../../src/blob-store/blob-store.ts';
import { BlobNotFoundError, BlobWrongKindError } from '../../src/errors.ts';
import { describeNames } from './blob-store-names.ts';
import { describePages } from './blob-store-pages.ts';

/** An empty store. */
export type CreateBlobStore = (options: { pageSize?: number }) => BlobStore | Promise<BlobStore>;

export interface BlobStoreContext {
  create: CreateBlobStore;
  /** The root directory of an empty store. */
  rootOf(options?: { pageSize?: number }): Promise<BlobDir>;
}

export const bytes = (...values: number[]) => Uint8Array.from(values);

export async function listAll(dir: BlobDir): Promise<{ blobs: string[]; dirs: string[] }> {
  const all = { blobs: [] as string[], dirs: [] as string[] };
  let continuation: string | undefined;
  do {
    const page = await dir.query(continuation);
    all.blobs.push(...page.blobs);
    all.dirs.push(...page.dirs);
    continuation = page.continuation;
  } while (continuation !== undefined);
  return { blobs: all.blobs.sort(), dirs: all.dirs.sort() };
}

export function blobStoreContract(name: string, create: CreateBlobStore): void {
  const rootOf: BlobStoreContext['rootOf'] = async (options = {}) => (await create(options)).getRootDir();
  const context: BlobStoreContext = { create, rootOf };

  describe(`BlobStore contract: ${name}`, () => {
    describe('blobs', () => {
      it('starts out empty', async () => {
        const root = await rootOf();
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
        await root.removeAll();
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
      });

      it('gives back what was written, byte for byte, from nothing to a megabyte', async () => {
        const root = await rootOf();
        const large = Uint8Array.from({ length: 1_000_003 }, (_, index) => (index * 31) % 251);
        for (const content of [bytes(), bytes(0), bytes(1, 2, 255), large]) {
          await root.writeBlob('b', content);
          expect(Buffer.compare(await root.readBlob('b'), content)).toBe(0);
        }
      });

      it('gives a plain Uint8Array whose memory is the caller’s own', async () => {
        const root = await rootOf();
        await root.writeBlob('b', Buffer.from('tide'));
        const first = await root.readBlob('b');
        expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype);
        expect(first.buffer.byteLength).toBe(4);
        first[0] = 0;
        expect(new TextDecoder().decode(await root.readBlob('b'))).toBe('tide');
      });

      it('keeps its own copy of what was written, also of a part of a larger array', async () => {
        const root = await rootOf();
        const content = bytes(9, 1, 2, 9);
        await root.writeBlob('whole', content);
        await root.writeBlob('part', content.subarray(1, 3));
        content.fill(7);
        expect(await root.readBlob('whole')).toEqual(bytes(9, 1, 2, 9));
        expect(await root.readBlob('part')).toEqual(bytes(1, 2));
      });

      it('overwrites a blob, longer with shorter', async () => {
        const root = await rootOf();
        await root.writeBlob('b', bytes(1, 2, 3));
        await root.writeBlob('b', bytes(4));
        expect(await root.readBlob('b')).toEqual(bytes(4));
        expect(await root.query()).toEqual({ blobs: ['b'], dirs: [] });
      });

      it('reading a missing blob fails with BlobNotFoundError naming its path; removing one succeeds', async () => {
        const root = await rootOf();
        await expect(root.readBlob('gone')).rejects.toThrow(BlobNotFoundError);
        const deep = await (await root.getDir('a')).getDir('b');
        await expect(deep.readBlob('gone')).rejects.toThrow(/a\/b\/gone/);
        await root.removeBlob('gone');
        await deep.removeBlob('gone');
        await deep.removeAll();
        expect(await deep.query()).toEqual({ blobs: [], dirs: [] });
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
      });

      it('removes a blob and nothing else', async () => {
        const root = await rootOf();
        await root.writeBlob('a', bytes(1));
        await root.writeBlob('b', bytes(2));
        await root.removeBlob('a');
        await expect(root.readBlob('a')).rejects.toThrow(BlobNotFoundError);
        expect(await root.query()).toEqual({ blobs: ['b'], dirs: [] });
      });
    });

    describeNames(context);

    describe('directories', () => {
      it('are there as long as something is in them, however deep', async () => {
        const root = await rootOf();
        const a = await root.getDir('a');
        const c = await (await a.getDir('b')).getDir('c');
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
        await c.writeBlob('deep', bytes(1));
        expect(await root.query()).toEqual({ blobs: [], dirs: ['a'] });
        expect(await a.query()).toEqual({ blobs: [], dirs: ['b'] });
        await c.removeBlob('deep');
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
        expect(await a.query()).toEqual({ blobs: [], dirs: [] });
      });

      it('stay usable after they were emptied', async () => {
        const root = await rootOf();
        const dir = await root.getDir('a');
        await dir.writeBlob('1', bytes(1));
        await dir.removeBlob('1');
        await dir.writeBlob('2', bytes(2));
        expect(await root.query()).toEqual({ blobs: [], dirs: ['a'] });
        expect(await dir.query()).toEqual({ blobs: ['2'], dirs: [] });
      });

      it('show the same through every handle', async () => {
        const store = await create({});
        const one = await (await store.getRootDir()).getDir('a');
        const other = await (await store.getRootDir()).getDir('a');
        await one.writeBlob('x', bytes(1));
        expect(await other.readBlob('x')).toEqual(bytes(1));
        await other.removeAll();
        await expect(one.readBlob('x')).rejects.toThrow(BlobNotFoundError);
      });

      it('are removed with all below them, and nothing beside them', async () => {
        const root = await rootOf();
        const a = await root.getDir('a');
        await a.writeBlob('1', bytes(1));
        await (await a.getDir('b')).writeBlob('2', bytes(2));
        await (await (await a.getDir('b')).getDir('c')).writeBlob('3', bytes(3));
        await (await root.getDir('aa')).writeBlob('4', bytes(4));
        await root.writeBlob('5', bytes(5));
        await a.removeAll();
        expect(await root.query()).toEqual({ blobs: ['5'], dirs: ['aa'] });
        await root.removeAll();
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
        await a.writeBlob('again', bytes(6));
        expect(await root.query()).toEqual({ blobs: [], dirs: ['a'] });
      });

      it('a directory removed as the last thing in its parent takes the parent along', async () => {
        const root = await rootOf();
        const b = await (await root.getDir('a')).getDir('b');
        await b.writeBlob('1', bytes(1));
        await b.removeAll();
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
      });
    });

    describe('one name is a blob or a directory, never both', () => {
      it('a directory is refused as a blob', async () => {
        const root = await rootOf();
        await (await root.getDir('a')).writeBlob('1', bytes(1));
        await expect(root.readBlob('a')).rejects.toThrow(BlobWrongKindError);
        await expect(root.writeBlob('a', bytes(2))).rejects.toThrow("'a' is a directory, not a blob.");
        await expect(root.removeBlob('a')).rejects.toThrow(BlobWrongKindError);
        expect(await (await root.getDir('a')).readBlob('1')).toEqual(bytes(1));
      });

      it('a directory of directories is one too', async () => {
        const root = await rootOf();
        await (await (await root.getDir('a')).getDir('b')).writeBlob('1', bytes(1));
        await expect(root.writeBlob('a', bytes(2))).rejects.toThrow(BlobWrongKindError);
        await expect(root.removeBlob('a')).rejects.toThrow(BlobWrongKindError);
      });

      it('a blob is refused as a directory', async () => {
        const root = await rootOf();
        await root.writeBlob('a', bytes(1));
        await expect(root.getDir('a')).rejects.toThrow("'a' is a blob, not a directory.");
      });

      it('a blob that has taken the place of a directory is refused through handles from before, and stays', async () => {
        const root = await rootOf();
        const a = await root.getDir('a');
        const b = await a.getDir('b');
        await b.writeBlob('1', bytes(1));
        await b.removeBlob('1');
        await root.writeBlob('a', bytes(2));
        for (const dir of [a, b]) {
          await expect(dir.readBlob('1')).rejects.toThrow("'a' is a blob, not a directory.");
          await expect(dir.writeBlob('1', bytes(3))).rejects.toThrow(BlobWrongKindError);
          await expect(dir.removeBlob('1')).rejects.toThrow(BlobWrongKindError);
          await expect(dir.getDir('1')).rejects.toThrow(BlobWrongKindError);
          await expect(dir.query()).rejects.toThrow(BlobWrongKindError);
          await expect(dir.removeAll()).rejects.toThrow(BlobWrongKindError);
        }
        expect(await root.readBlob('a')).toEqual(bytes(2));
        await root.removeBlob('a');
        await b.writeBlob('1', bytes(4));
        expect(await b.readBlob('1')).toEqual(bytes(4));
      });

      it('a directory that was emptied leaves its name free for a blob', async () => {
        const root = await rootOf();
        const c = await (await (await root.getDir('a')).getDir('b')).getDir('c');
        await c.writeBlob('1', bytes(1));
        await c.removeBlob('1');
        await expect(root.readBlob('a')).rejects.toThrow(BlobNotFoundError);
        await root.removeBlob('a');
        await root.writeBlob('a', bytes(2));
        expect(await root.query()).toEqual({ blobs: ['a'], dirs: [] });
      });
    });

    describePages(context);

    describe('side by side', () => {
      it('of writes to one name one wins whole', async () => {
        const root = await rootOf();
        const contents = Array.from({ length: 20 }, (_, index) => new Uint8Array(50_000).fill(index));
        const readings: Promise<Uint8Array | undefined>[] = [];
        await Promise.all(
          contents.map(async (content) => {
            readings.push(root.readBlob('b').catch(() => undefined));
            await root.writeBlob('b', content);
            readings.push(root.readBlob('b'));
          }),
        );
        for (const reading of await Promise.all(readings)) {
          if (reading) {
            expect(reading.length).toBe(50_000);
            expect(new Set(reading).size).toBe(1);
          }
        }
      });

      it('a write never fails because its directory is emptied or removed at the same time', async () => {
        const root = await rootOf();
        const path = async () => (await root.getDir('a')).getDir('b');
        await Promise.all(
          Array.from({ length: 40 }, async (_, index) => {
            const dir = await path();
            for (let round = 0; round < 10; round += 1) {
              await dir.writeBlob(`${index}`, bytes(index));
              await (round % 5 === 4 ? dir.removeAll() : dir.removeBlob(`${index}`));
            }
            await dir.writeBlob(`kept-${index}`, bytes(index)).then(() => dir.removeBlob(`${index}`));
          }),
        );
        const dir = await path();
        await dir.removeAll();
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
      });

      it('a blob written while others are removed stays', async () => {
        const root = await rootOf();
        const dir = await root.getDir('a');
        for (let round = 0; round < 50; round += 1) {
          await dir.writeBlob('old', bytes(1));
          await Promise.all([dir.removeBlob('old'), dir.writeBlob('new', bytes(round))]);
          expect(await dir.readBlob('new')).toEqual(bytes(round));
          await dir.removeBlob('new');
        }
      });
    });
  });
}
