/** What every blob store promises. Run it over an implementation: `blobStoreContract('a directory', ({ pageSize }) => …)`. */
import { describe, expect, it } from 'vitest';
import type { BlobDir, BlobStore } from '../../src/blob-store/blob-store.ts';
import { BlobNotFoundError, BlobWrongKindError, InvalidBlobNameError, InvalidInputError, NoContinuationError } from '../../src/errors.ts';

/** An empty store. */
export type CreateBlobStore = (options: { pageSize?: number }) => BlobStore | Promise<BlobStore>;

const bytes = (...values: number[]) => Uint8Array.from(values);

async function listAll(dir: BlobDir): Promise<{ blobs: string[]; dirs: string[] }> {
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
  const rootOf = async (options: { pageSize?: number } = {}) => (await create(options)).getRootDir();

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

    describe('names', () => {
      const accepted = [
        'a',
        'A.b-c_d',
        '...',
        '.hidden',
        ' ',
        'with space',
        '~',
        '%2e%2e',
        "it's; $(rm) & #1!",
        '漢字',
        'é',
        '🌊',
        '__proto__',
        'constructor',
      ];
      it.each(accepted)('takes %j', async (blob) => {
        const root = await rootOf();
        await root.writeBlob(blob, bytes(1));
        expect(await root.query()).toEqual({ blobs: [blob], dirs: [] });
        await root.removeBlob(blob);
        await (await root.getDir(blob)).writeBlob(blob, bytes(2));
        expect(await root.query()).toEqual({ blobs: [], dirs: [blob] });
        expect(await (await root.getDir(blob)).readBlob(blob)).toEqual(bytes(2));
      });

      it.each(['x', '.', 'é', '漢', '\u{1f30a}'])(
        'takes names of 100 characters made of %j, and keeps those that differ apart',
        async (unit) => {
          const root = await rootOf();
          const long = unit.repeat(100 / unit.length);
          const other = `${unit.repeat(100 / unit.length - 2 / unit.length)}yz`;
          await root.writeBlob(long, bytes(1));
          await root.writeBlob(other, bytes(2));
          expect(await listAll(root)).toEqual({ blobs: [long, other].sort(), dirs: [] });
          expect(await root.readBlob(long)).toEqual(bytes(1));
          await root.removeBlob(long);
          await (await root.getDir(long)).writeBlob(long, bytes(3));
          expect(await listAll(root)).toEqual({ blobs: [other], dirs: [long] });
          expect(await (await root.getDir(long)).readBlob(long)).toEqual(bytes(3));
        },
      );

      const refused = [
        '',
        '.',
        '..',
        'x'.repeat(101),
        '漢'.repeat(101),
        ...'<>:"/\\|?*'.split('').map((character) => `a${character}b`),
        '/etc/passwd',
        '../up',
        'a\0b',
        'line\nbreak',
        'tab\t',
        'delete\x7f',
        'c1\x85',
        'half a pair \ud83c',
      ];
      it.each(refused)('refuses %j with InvalidBlobNameError, whatever is asked', async (blob) => {
        const root = await rootOf();
        await expect(root.readBlob(blob)).rejects.toThrow(InvalidBlobNameError);
        await expect(root.writeBlob(blob, bytes(1))).rejects.toThrow(InvalidBlobNameError);
        await expect(root.removeBlob(blob)).rejects.toThrow(InvalidBlobNameError);
        await expect(root.getDir(blob)).rejects.toThrow(InvalidBlobNameError);
        expect(await root.query()).toEqual({ blobs: [], dirs: [] });
      });
    });

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

    describe('pages', () => {
      const pageSize = 5;
      const fill = async (dir: BlobDir, count: number) => {
        for (let index = 0; index < count; index += 1) {
          const blob = `b${String(index).padStart(3, '0')}`;
          await (index % 3 === 0 ? (await dir.getDir(blob)).writeBlob('in', bytes(index)) : dir.writeBlob(blob, bytes(index)));
        }
      };

      it.each([0, 1, 4, 5, 6, 10, 11, 23])(
        'give each of %i names once, none over its size, the last without a continuation',
        async (count) => {
          const root = await rootOf({ pageSize });
          await fill(root, count);
          const seen: string[] = [];
          let pages = 0;
          let continuation: string | undefined;
          do {
            const page = await root.query(continuation);
            expect(page.blobs.length + page.dirs.length).toBeLessThanOrEqual(pageSize);
            seen.push(...page.blobs, ...page.dirs);
            continuation = page.continuation;
            pages += 1;
          } while (continuation !== undefined);
          expect(seen.length).toBe(count);
          expect(new Set(seen).size).toBe(count);
          expect(pages).toBe(Math.max(1, Math.ceil(count / pageSize)));
        },
      );

      it('the same continuation gives the same page again', async () => {
        const root = await rootOf({ pageSize });
        await fill(root, 12);
        const { continuation } = await root.query();
        expect(await root.query(continuation)).toEqual(await root.query(continuation));
      });

      it('names that stay are given once while others come and go between pages', async () => {
        const root = await rootOf({ pageSize: 2 });
        for (const blob of ['c', 'e', 'g', 'i', 'k']) {
          await root.writeBlob(blob, bytes(1));
        }
        const first = await root.query();
        await root.removeBlob('e');
        await root.writeBlob('a', bytes(1));
        await root.writeBlob('h', bytes(1));
        const seen = [...first.blobs];
        for (let continuation = first.continuation; continuation !== undefined; ) {
          const page = await root.query(continuation);
          seen.push(...page.blobs);
          continuation = page.continuation;
        }
        for (const blob of ['c', 'g', 'i', 'k']) {
          expect(seen.filter((one) => one === blob)).toEqual([blob]);
        }
      });

      it('a continuation of another directory, or of nothing, fails with NoContinuationError', async () => {
        const root = await rootOf({ pageSize });
        const a = await root.getDir('a');
        const b = await root.getDir('b');
        await fill(a, 12);
        await fill(b, 12);
        const ofA = (await a.query()).continuation as string;
        const ofB = (await b.query()).continuation as string;
        await expect(b.query(ofA)).rejects.toThrow(NoContinuationError);
        await expect(a.query(ofB)).rejects.toThrow(NoContinuationError);
        await expect(root.query(ofA)).rejects.toThrow(NoContinuationError);
        for (const garbage of [
          '',
          'x',
          'null',
          '{}',
          Buffer.from('["a"]').toString('base64url'),
          Buffer.from('["a","../b"]').toString('base64url'),
        ]) {
          await expect(a.query(garbage)).rejects.toThrow(NoContinuationError);
        }
      });

      it.each([0, -1, 1.5, Number.NaN])('a page size of %d is refused', async (refused) => {
        await expect((async () => create({ pageSize: refused }))()).rejects.toThrow(InvalidInputError);
      });
    });

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
