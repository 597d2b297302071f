import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { BlobNotFoundError, BlobWrongKindError, SetupError } from '../../src/errors.ts';
import { blobStoreContract } from '../contract/blob-store.ts';

let scratch: string;
let count = 0;
const newPath = () => join(scratch, `store-${count++}`);
const temporaryIn = (path: string) => join(path, '.tmp:');

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tidemark-blobs-'));
});
afterAll(() => rm(scratch, { recursive: true }));

blobStoreContract('a directory', (options) => createDirectoryBlobStore({ path: newPath(), ...options }));

describe('a directory blob store on disk', () => {
  const content = Uint8Array.of(1, 2, 3);

  it('keeps a blob as the file at its path', async () => {
    const path = newPath();
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    await (await root.getDir('orders')).writeBlob('snapshot-100', content);
    expect(new Uint8Array(await readFile(join(path, 'orders', 'snapshot-100')))).toEqual(content);
  });

  it('is found again by another store over the same path, continuations included', async () => {
    const path = newPath();
    const before = await createDirectoryBlobStore({ path, pageSize: 2 }).getRootDir();
    for (const name of ['a', 'b', 'c']) {
      await before.writeBlob(name, content);
    }
    const { continuation } = await before.query();
    const after = await createDirectoryBlobStore({ path }).getRootDir();
    expect(await after.readBlob('a')).toEqual(content);
    expect(await after.query(continuation)).toEqual({ blobs: ['c'], dirs: [] });
  });

  it('makes nothing before the first write', async () => {
    const path = join(newPath(), 'deep', 'down');
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    await expect(root.readBlob('x')).rejects.toThrow(BlobNotFoundError);
    await root.removeAll();
    await expect(lstat(path)).rejects.toThrow('ENOENT');
    await root.writeBlob('x', content);
    expect(await root.readBlob('x')).toEqual(content);
  });

  it('refuses an address', () => {
    expect(() => createDirectoryBlobStore({ path: 's3://acme-blobs/app' })).toThrow("use createS3BlobStore of 'tidemark/s3'");
  });

  it('refuses a path that is a file', async () => {
    const path = newPath();
    await writeFile(path, '');
    await expect(createDirectoryBlobStore({ path }).getRootDir()).rejects.toThrow(SetupError);
  });

  it('goes on after its whole directory was removed', async () => {
    const path = newPath();
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    await root.writeBlob('a', content);
    await rm(path, { recursive: true });
    await root.writeBlob('b', content);
    expect(await root.query()).toEqual({ blobs: ['b'], dirs: [] });
  });

  it('takes directories that hold no blob, left behind by a crash, for missing', async () => {
    const path = newPath();
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    await mkdir(join(path, 'a', 'b', 'c'), { recursive: true });
    await mkdir(join(path, 'd'));
    expect(await root.query()).toEqual({ blobs: [], dirs: [] });
    await expect(root.readBlob('a')).rejects.toThrow(BlobNotFoundError);
    await root.removeBlob('a');
    await root.writeBlob('a', content);
    await root.writeBlob('d', content);
    expect(await root.query()).toEqual({ blobs: ['a', 'd'], dirs: [] });
  });

  it('leaves no empty directories and no drafts on disk', async () => {
    const path = newPath();
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    const deep = await (await root.getDir('a')).getDir('b');
    await deep.writeBlob('1', content);
    await (await deep.getDir('c')).writeBlob('2', content);
    await expect(root.writeBlob('a', content)).rejects.toThrow(BlobWrongKindError);
    await deep.removeBlob('1');
    await (await deep.getDir('c')).removeBlob('2');
    expect(await readdir(path)).toEqual(['.tmp:']);
    expect(await readdir(temporaryIn(path))).toEqual([]);
  });

  it('never lists drafts, and removes those of the dead before its first write, an hour later', async () => {
    const path = newPath();
    await mkdir(temporaryIn(path), { recursive: true });
    const hour = 60 * 60;
    for (const [name, age] of [
      ['dead', hour + 60],
      ['alive', hour - 60],
    ] as const) {
      const draft = join(temporaryIn(path), name);
      await writeFile(draft, 'half a bl');
      await utimes(draft, Date.now() / 1_000 - age, Date.now() / 1_000 - age);
    }
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    expect(await root.query()).toEqual({ blobs: [], dirs: [] });
    await root.removeAll();
    await root.writeBlob('b', content);
    expect(await root.query()).toEqual({ blobs: ['b'], dirs: [] });
    expect(await readdir(temporaryIn(path))).toEqual(['alive']);
  });

  it('cannot be led out of its directory by a name, a handle or a continuation', async () => {
    const path = newPath();
    const outside = join(scratch, 'outside');
    await writeFile(outside, 'not yours');
    const root = await createDirectoryBlobStore({ path: join(path, 'inside') }).getRootDir();
    for (const name of ['..', '../outside', '../../outside', outside, '..\\outside']) {
      await expect(root.readBlob(name)).rejects.toThrow('is not a blob name');
      await expect(root.removeBlob(name)).rejects.toThrow('is not a blob name');
      await expect(root.writeBlob(name, content)).rejects.toThrow('is not a blob name');
      await expect(root.getDir(name)).rejects.toThrow('is not a blob name');
    }
    const forged = encodeURIComponent(JSON.stringify(['..', 'a']));
    await expect(root.query(forged)).rejects.toThrow('continuation');
    await root.removeAll();
    expect(await readFile(outside, 'utf8')).toBe('not yours');
  });

  it('does not follow a link when it removes a directory', async () => {
    const path = newPath();
    const elsewhere = newPath();
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'precious'), 'kept');
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    const dir = await root.getDir('a');
    await dir.writeBlob('1', content);
    await symlink(elsewhere, join(path, 'a', 'link'));
    await dir.removeAll();
    expect(await root.query()).toEqual({ blobs: [], dirs: [] });
    expect(await readdir(elsewhere)).toEqual(['precious']);
  });

  it('a write outlasts another process that removes its directory whenever it is empty', async () => {
    const path = newPath();
    const remover = spawn(process.execPath, [
      '-e',
      `const { rmdirSync } = require('node:fs');
      for (;;) for (const directory of ['a/b', 'a']) try { rmdirSync(${JSON.stringify(path)} + '/' + directory); } catch {}`,
    ]);
    try {
      await once(remover, 'spawn');
      const dir = await (await (await createDirectoryBlobStore({ path }).getRootDir()).getDir('a')).getDir('b');
      for (let round = 0; round < 60; round += 1) {
        await dir.writeBlob('1', content);
        expect(await dir.readBlob('1')).toEqual(content);
        await dir.removeBlob('1');
      }
    } finally {
      remover.kill('SIGKILL');
    }
  });

  it('a disk that fails is the caller’s to try again: the file system’s error, not a missing blob', async () => {
    const path = newPath();
    const root = await createDirectoryBlobStore({ path }).getRootDir();
    await root.writeBlob('a', content);
    await symlink('loop', join(path, 'loop'));
    await expect(root.readBlob('loop')).rejects.toMatchObject({ code: 'ELOOP' });
    await expect((await root.getDir('loop')).writeBlob('b', content)).rejects.toMatchObject({ code: 'ELOOP' });
    expect(await readdir(temporaryIn(path))).toEqual([]);
  });
});

describe('a writer that is killed', () => {
  let writer: string;

  beforeAll(async () => {
    writer = await compileWriter(join(scratch, 'writer'));
  });

  it('leaves the old content or the new one, never a part, and nothing it acknowledged is lost', async () => {
    const path = newPath();
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < 25; round += 1) {
      const child = spawn(process.execPath, [writer, path, `${round * 1_000_000}`], { stdio: ['ignore', 'pipe', 'inherit'] });
      await killAfterAcknowledging(child, 3 + (round % 7), round % 5, acknowledged);
      const root = await createDirectoryBlobStore({ path }).getRootDir();
      for (const [name, last] of acknowledged) {
        const dir = await root.getDir('log');
        const found = name === 'fleeting' ? await dir.readBlob(name).catch((error) => error) : await dir.readBlob(name);
        if (found instanceof BlobNotFoundError) {
          continue;
        }
        const sequence = new DataView(found.buffer).getUint32(0);
        expect(sequence).toBeGreaterThanOrEqual(last);
        expect(found.length).toBe(4 + ((sequence * 7_919) % 200_000));
        expect(found.subarray(4).every((byte: number) => byte === sequence % 251)).toBe(true);
      }
      const { blobs, dirs } = await root.query();
      expect({ blobs, dirs }).toEqual({ blobs: [], dirs: ['log'] });
    }
    expect([...acknowledged.keys()].sort()).toEqual(['a', 'b', 'c', 'fleeting']);
  });
});

/** Each line of the child is `<name> <sequence>`, written once its write has resolved. */
async function killAfterAcknowledging(
  child: ChildProcess,
  writes: number,
  extraMs: number,
  acknowledged: Map<string, number>,
): Promise<void> {
  const closed = once(child, 'close');
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [name, sequence] = line.split(' ') as [string, string];
    acknowledged.set(name, Number(sequence));
    seen += 1;
    if (seen === writes) {
      // At a different point of the next write each time.
      setTimeout(() => child.kill('SIGKILL'), extraMs);
    }
  }
  await closed;
  expect(child.signalCode).toBe('SIGKILL');
  expect(seen).toBeGreaterThanOrEqual(writes);
}

async function compileWriter(outDir: string): Promise<string> {
  const repository = fileURLToPath(new URL('../..', import.meta.url));
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      join(repository, 'node_modules/typescript/bin/tsc'),
      ...['--ignoreConfig', '--target', 'es2023', '--module', 'nodenext', '--rewriteRelativeImportExtensions', '--skipLibCheck'],
      ...['--types', 'node', '--rootDir', 'src', '--outDir', outDir, 'src/blob-store/directory-blob-store.ts'],
    ],
    { cwd: repository, encoding: 'utf8' },
  );
  expect(stdout).toBe('');
  expect(status).toBe(0);
  await writeFile(join(outDir, 'package.json'), '{"type":"module"}');
  const script = join(outDir, 'writer.js');
  await writeFile(
    script,
    `import { writeSync } from 'node:fs';
    import { createDirectoryBlobStore } from './blob-store/directory-blob-store.js';
    const [path, first] = process.argv.slice(2);
    const dir = await (await createDirectoryBlobStore({ path }).getRootDir()).getDir('log');
    async function writeForEver(name, sequence) {
      for (;; sequence += 1) {
        const content = new Uint8Array(4 + ((sequence * 7919) % 200000)).fill(sequence % 251);
        new DataView(content.buffer).setUint32(0, sequence);
        await dir.writeBlob(name, content);
        writeSync(1, name + ' ' + sequence + '\\n');
        if (name === 'fleeting') await dir.removeBlob(name);
      }
    }
    for (const name of ['a', 'b', 'c', 'fleeting']) void writeForEver(name, Number(first));`,
  );
  return script;
}
