/** A server in a process of its own, for anybody who reaches it. Prints its address, then `up`; asked by a signal it prints its memory in MB. */
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { SCOPES } from '../../src/http/access.ts';
import { createHttpApp } from '../../src/http/http-app.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { createTidemark } from '../../src/tidemark.ts';

export interface HttpServerSettings {
  databaseUrl: string;
  blobs: string;
  connections: number;
}

const { databaseUrl, blobs, connections } = JSON.parse(process.argv[2] ?? '') as HttpServerSettings;
const pool = createPool({ connectionString: databaseUrl, max: connections });
const tidemark = createTidemark({ db: pool, blobs: createDirectoryBlobStore({ path: blobs }), connectionString: databaseUrl });
const app = await createHttpApp({
  tidemark,
  db: inSchema(pool),
  authorize: () => ({ actor: 'bench', scopes: SCOPES }),
  version: '0.0.0',
  // All readers are one caller.
  events: { maxStreamsOfOne: 2_000 },
});
process.on('SIGUSR2', () => console.log(`memory ${process.memoryUsage().rss / 1024 / 1024}`));
console.log(`address ${await app.listen({ host: '127.0.0.1', port: 0 })}`);
console.log('up');
