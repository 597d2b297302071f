import type * as FileSystem from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';

const calls: string[] = [];
let path: string;

// A power cut cannot be had in a test; the order of the calls that makes it harmless can. Every call goes through.
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof FileSystem>();
  const short = (file: unknown) => relative(path, String(file)).replace(/[0-9a-f-]{36}-\d+/, 'draft') || '.';
  const recorded = {
    ...real,
    async open(...given: Parameters<typeof real.open>) {
      const handle = await real.open(...given);
      for (const method of ['sync', 'datasync'] as const) {
        const original = handle[method].bind(handle);
        handle[method] = async () => {
          await original();
          calls.push(`${method} ${short(given[0])}`);
        };
      }
      return handle;
    },
    async rename(from: string, to: string) {
      await real.rename(from, to);
      calls.push(`rename ${short(from)} ${short(to)}`);
    },
    async mkdir(...given: Parameters<typeof real.mkdir>) {
      const created = await real.mkdir(...given);
      calls.push(`mkdir ${short(given[0])}`);
      return created;
    },
    async unlink(file: string) {
      await real.unlink(file);
      calls.push(`unlink ${short(file)}`);
    },
    async rmdir(file: string) {
      await real.rmdir(file);
      calls.push(`rmdir ${short(file)}`);
    },
  };
  return { ...recorded, default: recorded };
});

async function callsOf(action: () => Promise<unknown>): Promise<string[]> {
  calls.length = 0;
  await action();
  return [...calls];
}

describe('what is on disk when a call of the directory blob store resolves', () => {
  beforeEach(async () => {
    path = join(await mkdtemp(join(tmpdir(), 'tidemark-durability-')), 'store');
  });
  afterEach(() => rm(join(path, '..'), { recursive: true }));

  it('a write: the draft before its name, the name before the answer, with one sync each', async () => {
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    const dir = await root.getDir('log');
    await dir.writeBlob('warm', Uint8Array.of(1));
    expect(await callsOf(() => dir.writeBlob('b', Uint8Array.of(1)))).toEqual([
      'datasync .tmp:/draft',
      'rename .tmp:/draft log/b',
      'sync log',
    ]);
  });

  it('a first write: the new directories too, each synced in its parent', async () => {
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    const dir = await (await root.getDir('a')).getDir('b');
    const done = await callsOf(() => dir.writeBlob('c', Uint8Array.of(1)));
    expect(done.slice(0, 5)).toEqual(['mkdir .tmp:', 'sync .', 'sync ..', 'datasync .tmp:/draft', 'mkdir a/b']);
    expect(done[5]).toBe('rename .tmp:/draft a/b/c');
    expect(done.slice(6).sort()).toEqual(['sync .', 'sync a', 'sync a/b']);
  });

  it('a first write into a directory that another process has just made: its parent too', async () => {
    await (await (await createDirectoryBlobStore({ path }).getRootDir()).getDir('a')).writeBlob('1', Uint8Array.of(1));
    const dir = await (await createDirectoryBlobStore({ path }).getRootDir()).getDir('a');
    const done = await callsOf(() => dir.writeBlob('2', Uint8Array.of(2)));
    expect(done.slice(-2).sort()).toEqual(['sync .', 'sync a']);
  });

  it('a directory that was emptied and made again is synced in its parent again', async () => {
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    const dir = await root.getDir('a');
    await dir.writeBlob('1', Uint8Array.of(1));
    expect(await callsOf(() => dir.removeBlob('1'))).toEqual(['unlink a/1', 'rmdir a', 'sync .']);
    const done = await callsOf(() => dir.writeBlob('1', Uint8Array.of(1)));
    expect(done.slice(-2).sort()).toEqual(['sync .', 'sync a']);
  });

  it('writes into one directory at the same time share its syncs', async () => {
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    const dir = await root.getDir('log');
    await dir.writeBlob('warm', Uint8Array.of(1));
    const done = await callsOf(() => Promise.all(Array.from({ length: 30 }, (_, index) => dir.writeBlob(`${index}`, Uint8Array.of(1)))));
    const renames = done.filter((call) => call.startsWith('rename'));
    const syncs = done.filter((call) => call === 'sync log');
    expect(renames).toHaveLength(30);
    expect(syncs.length).toBeLessThan(30);
    expect(done.lastIndexOf('sync log')).toBe(done.length - 1);
  });
});
