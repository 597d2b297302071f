import { describe, expect, it } from 'vitest';
import { InvalidBlobNameError } from '../../src/errors.ts';
import { type BlobStoreContext, bytes, listAll } from './blob-store.ts';

export function describeNames({ rootOf }: BlobStoreContext): void {
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
}
