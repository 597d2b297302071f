/** The blobs of a log over HTTP, for reading. Writing is the server's own. */
import { checkBlobName } from '../blob-store/blob-name.ts';
import type { BlobDir, BlobQueryValue } from '../blob-store/blob-store.ts';
import { NotExposedError } from '../errors.ts';
import type { Transport } from './transport.ts';

export function createHttpBlobs(transport: Transport, logId: string, directory: readonly string[] = []): BlobDir {
  const url = `logs/${encodeURIComponent(logId)}/blobs`;
  const pathOf = (name: string) => [...directory, name].join('/');
  const query = (path: string, continuation?: string) =>
    transport.json<BlobQueryValue>('GET', url, {
      query: { dir: path === '' ? undefined : path, continuation },
      subject: { logId, blob: path },
    });

  return {
    async readBlob(name) {
      checkBlobName(name);
      const path = pathOf(name);
      return transport.bytes(`${url}/${encodeURIComponent(path)}`, { subject: { logId, blob: path } });
    },
    async getDir(name) {
      checkBlobName(name);
      const below = [...directory, name];
      // The answer says whether it is a blob.
      await query(below.join('/'));
      return createHttpBlobs(transport, logId, below);
    },
    query: (continuation) => query(directory.join('/'), continuation),
    async writeBlob(name) {
      checkBlobName(name);
      throw new NotExposedError('Writing a blob');
    },
    async removeBlob(name) {
      checkBlobName(name);
      throw new NotExposedError('Removing a blob');
    },
    async removeAll() {
      throw new NotExposedError('Removing blobs');
    },
  };
}
