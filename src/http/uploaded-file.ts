/**
 * An upload as a file, in a folder of its own that nobody else may read. It is removed whatever happens; what a process that was killed has left behind, the next
 * upload removes once it is too old to be in use.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UnavailableError } from '../errors.ts';
import type { Upload } from './upload.ts';

const PREFIX = 'tidemark-upload-';
/** No upload takes so long. */
const STALE_MS = 24 * 3_600_000;

/** @throws UnavailableError where the disk is full; what `upload` and `use` throw */
export async function withUploadedFile<T>(upload: Upload, use: (path: string) => Promise<T>): Promise<T> {
  await removeStale();
  const folder = await mkdtemp(join(tmpdir(), PREFIX));
  try {
    const path = join(folder, 'file');
    await pipeline(upload.bytes(), createWriteStream(path, { mode: 0o600 })).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
        throw new UnavailableError('The server has no room for this file at the moment.', { cause: error });
      }
      throw error;
    });
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeStale(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (name.startsWith(PREFIX)) {
      const path = join(tmpdir(), name);
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && Date.now() - found.mtimeMs > STALE_MS) {
        // Of another account, perhaps.
        await rm(path, { recursive: true, force: true }).catch(() => {});
      }
    }
  }
}
