/** Blobs as files: gzip over JSON, named by the SHA-256 of that JSON. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export type BlobContent = Record<string, unknown>;

export interface BlobReader {
  /** @throws Error that says what is wrong with it */
  read(name: string): Promise<BlobContent>;
  /** Names of those that are there and were never read. */
  unread(): Promise<string[]>;
  /** All that are there, decompressed. */
  all(): Promise<{ name: string; text: string }[]>;
}

export function missingBlob(name: string): string {
  return `blob ${name} cannot be read (ENOENT)`;
}

/** Of one log, whose blobs are in a folder of its name. */
export function createBlobReader(blobsDir: string, logId: string): BlobReader {
  const wanted = new Set<string>();
  const namesThere = () =>
    readdir(join(blobsDir, logId)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
  return {
    async read(name) {
      wanted.add(name);
      const hash = /-([0-9a-f]{64})\.gz$/.exec(name)?.[1];
      const text = gunzipSync(
        await readFile(join(blobsDir, logId, name)).catch((error: NodeJS.ErrnoException) => {
          throw new Error(error.code === 'ENOENT' ? missingBlob(name) : `blob ${name} cannot be read (${error.code})`);
        }),
      );
      if (createHash('sha256').update(text).digest('hex') !== hash) {
        throw new Error(`the content of blob ${name} does not match the hash in its name`);
      }
      return JSON.parse(text.toString('utf8'));
    },
    async unread() {
      return (await namesThere()).filter((name) => !wanted.has(name)).sort();
    },
    async all() {
      const texts: { name: string; text: string }[] = [];
      for (const name of await namesThere()) {
        texts.push({ name, text: gunzipSync(await readFile(join(blobsDir, logId, name))).toString('utf8') });
      }
      return texts;
    },
  };
}

/** Fails where a field of a blob is not what it has to be. */
export function demand(blob: string, content: BlobContent, fields: Record<string, unknown>): void {
  for (const [field, value] of Object.entries(fields)) {
    if (content[field] !== value)
      throw new Error(`${field} of ${blob} is ${JSON.stringify(content[field])} instead of ${JSON.stringify(value)}`);
  }
}
