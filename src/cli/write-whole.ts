/** A file that is there whole or not at all: written beside its place under another name, on the disk, and then put there in one step. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SetupError } from '../errors.ts';

/**
 * Where it fails, nothing is left behind and a file that was there is as it was.
 * @returns bytes written
 * @throws SetupError where no file can be put there; what `chunks` throw
 */
export async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.part`);
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile()) {
    throw new SetupError(`'${path}' is there and is not a file. Choose another name.`);
  }
  const file = await open(temporary, 'wx').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? `there is no folder '${dirname(path)}'` : error.code;
    throw new SetupError(`'${path}' cannot be written (${reason}).`, { cause: error });
  });
  let bytes = 0;
  try {
    try {
      for await (const chunk of chunks) {
        await file.writeFile(chunk);
        bytes += chunk.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return bytes;
}
