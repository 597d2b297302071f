/**
 * Writes a blob in one transaction: readers find the old content or the new, also after a crash, and of writers of one name the last to commit wins.
 *
 * What fits into one chunk is one statement. Anything larger is sent chunk by chunk, unseen until the last statement, which is also the only one
 * that locks anything. So a write takes the memory of some chunks, here and in the server, however large the blob.
 */
import { BlobWrongKindError, InvalidInputError } from '../errors.ts';
import { type ApplicationDatabase, runInTransaction } from '../postgres/application-database.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { type BlobPath, shownPath } from './postgres-blob-path.ts';

/**
 * Nearly every tile and manifest is one chunk. Larger ones gain nothing, as a round trip is already small beside what the server does with
 * this many bytes; and it holds each of them several times while it writes them, for each writer.
 */
export const CHUNK_BYTES = 512 * 1_024;

/** Postgres would take more; but whoever reads a blob has all of it in memory. */
export const MAX_BLOB_BYTES = 2 ** 30;

/** @throws BlobWrongKindError; InvalidInputError for more than MAX_BLOB_BYTES; the driver's error, nothing having changed */
export async function writePostgresBlob(pool: ApplicationDatabase, schema: string, path: BlobPath, content: Uint8Array): Promise<void> {
  if (content.byteLength > MAX_BLOB_BYTES) {
    throw new InvalidInputError(
      `Blob '${shownPath(path)}' has ${content.byteLength} bytes: a blob in Postgres has at most ${MAX_BLOB_BYTES}. Write it in parts, or use a directory.`,
    );
  }
  if (content.byteLength <= CHUNK_BYTES) {
    await putInPlace(inSchema(pool, schema), path, content.byteLength, { data: asBuffer(content) });
    return;
  }
  await runInTransaction(pool, async (tx) => {
    const db = inSchema(tx, schema);
    await putInPlace(db, path, content.byteLength, { contentId: await addChunks(db, content) });
  });
}

/** @returns id of the content */
async function addChunks(db: Database, content: Uint8Array): Promise<string> {
  let contentId: string | undefined;
  for (let place = 0; place * CHUNK_BYTES < content.byteLength; place += 1) {
    const data = asBuffer(content.subarray(place * CHUNK_BYTES, (place + 1) * CHUNK_BYTES));
    const { rows } = await db.query(
      contentId === undefined
        ? `insert into ${db.schema}.blob_chunk (place, data) values ($1::integer, $2::bytea) returning content_id`
        : `insert into ${db.schema}.blob_chunk (place, data, content_id) values ($1::integer, $2::bytea, $3::bigint) returning content_id`,
      contentId === undefined ? [place, data] : [place, data, contentId],
    );
    contentId = rows[0].content_id as string;
  }
  return contentId as string;
}

async function putInPlace(db: Database, path: BlobPath, size: number, content: { data: Buffer } | { contentId: string }): Promise<void> {
  const { rows } = await db.prepared(
    `select obstacle, obstacle_kind from ${db.schema}.write_blob($1::text[], $2::text, $3::bigint, $4::bigint, $5::bytea)`,
    [path.slice(0, -1), path.at(-1), size, 'contentId' in content ? content.contentId : null, 'data' in content ? content.data : null],
  );
  const [{ obstacle, obstacle_kind: kind }] = rows;
  if (obstacle !== null) {
    throw new BlobWrongKindError(shownPath(obstacle), kind);
  }
}

/** Without a copy. Drivers know a Buffer as bytes. */
function asBuffer(content: Uint8Array): Buffer {
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}
