/**
 * Lets blobs be written while the next ones are made. A blob that refers to others needs their names, and those are known before they are written.
 *
 * Nothing may refer to any of them before `body` and all its writes have ended: a crash in between leaves a blob that names missing ones, and
 * nobody ever looks for it.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { delegateTo } from '../blob-store/delegate.ts';

/** As many as a snapshot's tiles are worked on side by side. */
const WIDTH = 16;

/** @returns what `body` does, once all that it wrote is written. After a failure nothing goes on behind the caller's back. */
export async function withWritesBehind<T>(blobs: BlobDir, body: (behind: BlobDir) => Promise<T>): Promise<T> {
  const running = new Map<string, Promise<void>>();
  let failure: { error: unknown } | undefined;
  const settle = async (name: string, content: Uint8Array) => {
    try {
      await blobs.writeBlob(name, content);
    } catch (error) {
      failure ??= { error };
    }
    running.delete(name);
  };
  const behind = delegateTo(blobs, {
    async writeBlob(name, content) {
      await running.get(name);
      while (running.size >= WIDTH) {
        await Promise.race(running.values());
      }
      if (failure) {
        throw failure.error;
      }
      running.set(name, settle(name, content));
    },
    async readBlob(name) {
      await running.get(name);
      return blobs.readBlob(name);
    },
  });
  const value = await body(behind).catch((error: unknown) => {
    failure ??= { error };
  });
  await Promise.all(running.values());
  if (failure) {
    throw failure.error;
  }
  return value as T;
}
