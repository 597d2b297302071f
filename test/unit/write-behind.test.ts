import { describe, expect, test } from 'vitest';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { withWritesBehind } from '../../src/snapshots/write-behind.ts';

const bytes = new Uint8Array([1]);

/** A store whose writes end when they are let. */
async function heldStore() {
  const dir = await createMemoryBlobStore().getRootDir();
  const held: { name: string; let: (error?: Error) => void }[] = [];
  const blobs: BlobDir = {
    ...dir,
    writeBlob: (name, content) =>
      new Promise((resolve, reject) => {
        held.push({ name, let: (error) => (error ? reject(error) : resolve(dir.writeBlob(name, content))) });
      }),
  };
  return { blobs, dir, held };
}

describe('writes behind', () => {
  test('go on while the next is made, and have ended when it is over', async () => {
    const { blobs, dir, held } = await heldStore();
    let isOver = false;
    const writing = withWritesBehind(blobs, async (behind) => {
      await behind.writeBlob('tile', bytes);
      await behind.writeBlob('root', bytes);
      return 'root';
    }).finally(() => {
      isOver = true;
    });
    await expect.poll(() => held.map(({ name }) => name)).toEqual(['tile', 'root']);
    held[1]?.let();
    await expect.poll(async () => (await dir.query()).blobs).toEqual(['root']);
    expect(isOver).toBe(false);
    held[0]?.let();
    expect(await writing).toBe('root');
    expect((await dir.query()).blobs).toEqual(['root', 'tile']);
  });

  test('are sixteen at most', async () => {
    const { blobs, held } = await heldStore();
    const writing = withWritesBehind(blobs, async (behind) => {
      for (let blob = 0; blob < 20; blob += 1) await behind.writeBlob(`b${blob}`, bytes);
    });
    await expect.poll(() => held.length).toBe(16);
    for (let at = 0; at < 20; at += 1) {
      await expect.poll(() => held.length).toBeGreaterThan(at);
      expect(held.length).toBeLessThanOrEqual(at + 16);
      held[at]?.let();
    }
    await writing;
  });

  test('that fail are its failure, whatever came after, and only when the others have ended', async () => {
    const { blobs, held } = await heldStore();
    let isOver = false;
    const writing = withWritesBehind(blobs, async (behind) => {
      await behind.writeBlob('one', bytes);
      await behind.writeBlob('other', bytes);
    }).finally(() => {
      isOver = true;
    });
    writing.catch(() => {});
    await expect.poll(() => held.length).toBe(2);
    held[0]?.let(new Error('no space left'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    held[1]?.let();
    await expect(writing).rejects.toThrow('no space left');
  });

  test('are read when they have ended', async () => {
    const { blobs, held } = await heldStore();
    const writing = withWritesBehind(blobs, async (behind) => {
      await behind.writeBlob('page', bytes);
      return behind.readBlob('page');
    });
    await expect.poll(() => held.length).toBe(1);
    held[0]?.let();
    expect(await writing).toEqual(bytes);
  });
});
