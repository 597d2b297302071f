import { describe, expect, it } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { InvalidInputError, NoContinuationError } from '../../src/errors.ts';
import { type BlobStoreContext, bytes } from './blob-store.ts';

export function describePages({ rootOf, create }: BlobStoreContext): void {
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
}
