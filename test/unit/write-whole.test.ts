import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeWhole } from '../../src/cli/write-whole.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-whole-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);

test('a file appears when it is whole, and replaces the one that was there', async () => {
  const path = join(folder, 'a.csv');
  writeFileSync(path, 'old');
  async function* chunks() {
    yield bytes('one,');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toHaveLength(2);
    yield bytes('two');
  }
  expect(await writeWhole(path, chunks())).toBe(7);
  expect(readFileSync(path, 'utf8')).toBe('one,two');
  expect(readdirSync(folder)).toEqual(['a.csv']);
});

test('what fails halfway leaves nothing behind, and what was there as it was', async () => {
  async function* failing() {
    yield bytes('half');
    throw new Error('the disk of the blobs is gone');
  }
  await expect(writeWhole(join(folder, 'new.csv'), failing())).rejects.toThrow('the disk of the blobs is gone');
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, 'old.csv'), 'old');
  await expect(writeWhole(join(folder, 'old.csv'), failing())).rejects.toThrow('the disk of the blobs is gone');
  expect(readFileSync(join(folder, 'old.csv'), 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['old.csv']);
});

test('a place where no file can be is refused before anything is read', async () => {
  async function* unread(): AsyncGenerator<Uint8Array> {
    yield await Promise.reject(new Error('it was read'));
  }
  await expect(writeWhole(folder, unread())).rejects.toThrow(`'${folder}' is there and is not a file. Choose another name.`);
  const path = join(folder, 'none', 'a.csv');
  await expect(writeWhole(path, unread())).rejects.toThrow(`'${path}' cannot be written (there is no folder '${join(folder, 'none')}').`);
});
