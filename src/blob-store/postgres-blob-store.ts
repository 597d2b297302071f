/**
 * A blob store in the database of the logs, for an installation of one dependency. Made by the migrations (`blob`, `blob_chunk`).
 *
 * A write is one transaction: committed before it resolves, and never seen in part. Processes and machines share it as they share the database, and
 * a backup of the database has it too. Where Postgres is away, calls fail with the driver's error, which is worth another try, and nothing is half written.
 */
import { checkPageSize } from '../page-size.ts';
import type { ApplicationDatabase } from '../postgres/application-database.ts';
import { DEFAULT_SCHEMA, inSchema } from '../postgres/queryable.ts';
import type { BlobDir, BlobQueryValue, BlobStore } from './blob-store.ts';
import { listPostgresBlobs } from './list-postgres-blobs.ts';
import { cutPage, lastGivenOut } from './page.ts';
import { type BlobPath, childPath, endOf, findWrongKind, shownPath } from './postgres-blob-path.ts';
import { readPostgresBlob } from './read-postgres-blob.ts';
import { writePostgresBlob } from './write-postgres-blob.ts';

export interface PostgresBlobStoreOptions {
  /**
   * A pg Pool whose role is a member of `tidemark_app`, or an adapter with `transaction`. Each call takes one connection, a write or read of more than a
   * chunk for as long as it lasts. Give it a pool of its own where handlers write blobs while they hold a transaction: a pool that
   * is used up by those would have none left for their blobs.
   */
  pool: ApplicationDatabase;
  /** Where `tidemark migrate` has put its tables. Default `tidemark`. */
  schema?: string;
  /** Most names in one page of `query`. Default 1,000. */
  pageSize?: number;
}

interface Store {
  pool: ApplicationDatabase;
  schema: string;
  pageSize: number;
}

/**
 * Blobs of up to 1 GiB, at paths of up to 50 names and 2,000 bytes. Beside its content, writing one takes the memory of some chunks of 512 KiB, and
 * reading one some times 4 MiB, however large it is.
 *
 * @example createTidemark({ db: pool, blobs: createPostgresBlobStore({ pool }) })
 * @throws InvalidInputError for a bad page size or schema name
 */
export function createPostgresBlobStore({ pool, schema = DEFAULT_SCHEMA, pageSize = 1_000 }: PostgresBlobStoreOptions): BlobStore {
  checkPageSize(pageSize);
  inSchema(pool, schema);
  return {
    async getRootDir() {
      return postgresDir({ pool, schema, pageSize }, []);
    },
  };
}

function postgresDir({ pool, schema, pageSize }: Store, path: BlobPath): BlobDir {
  const db = inSchema(pool, schema);
  return {
    async readBlob(name) {
      return readPostgresBlob(pool, schema, childPath(path, name));
    },
    async writeBlob(name, content) {
      await writePostgresBlob(pool, schema, childPath(path, name), content);
    },
    async removeBlob(name) {
      const blob = childPath(path, name);
      const { rows } = await db.query(`delete from ${db.schema}.blob where directory = $1::text[] and name = $2::text returning 1`, [
        path,
        name,
      ]);
      await refuseWrongKind(rows.length, blob, 'blob');
    },
    async getDir(name) {
      const directory = childPath(path, name);
      await refuseWrongKind(0, directory, 'directory');
      return postgresDir({ pool, schema, pageSize }, directory);
    },
    async query(continuation) {
      const after = lastGivenOut(shownPath(path), continuation);
      const entries = await listPostgresBlobs(db, path, after, pageSize + 1);
      await refuseWrongKind(entries.length, path, 'directory');
      const page = cutPage(
        entries.map((entry) => entry.name),
        shownPath(path),
        pageSize,
      );
      const value: BlobQueryValue = { blobs: [], dirs: [] };
      for (const { name, isDirectory } of entries.slice(0, page.names.length)) {
        (isDirectory ? value.dirs : value.blobs).push(name);
      }
      return page.continuation === undefined ? value : { ...value, continuation: page.continuation };
    },
    async removeAll() {
      // Locked in one order, so that two who remove the same never wait for each other.
      const { rows } = await db.query(
        `with below as materialized (
           select b.directory, b.name from ${db.schema}.blob b
           where b.directory >= $1::text[] and ($2::text[] is null or b.directory < $2::text[])
           order by b.directory, b.name for update
         ), removed as (
           delete from ${db.schema}.blob b using below where b.directory = below.directory and b.name = below.name returning 1
         )
         select count(*)::integer as removed from removed`,
        [path, path.length === 0 ? null : endOf(path)],
      );
      await refuseWrongKind(rows[0].removed, path, 'directory');
    },
  };

  /** What was found where it was looked for stands in nobody's way. */
  async function refuseWrongKind(found: number, wanted: BlobPath, kind: 'blob' | 'directory'): Promise<void> {
    const wrongKind = found === 0 ? await findWrongKind(db, wanted, kind) : undefined;
    if (wrongKind) {
      throw wrongKind;
    }
  }
}
