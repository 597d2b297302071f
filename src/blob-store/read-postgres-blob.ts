/**
 * Reads a blob as it was at one moment, whoever writes it meanwhile.
 *
 * A small one is one statement, and so one snapshot. A larger one is read some chunks at a time in a transaction that keeps its snapshot: in memory
 * are the content and a few chunks, and a writer neither waits nor makes the reader begin again.
 */
import { BlobNotFoundError, CorruptBlobError } from '../errors.ts';
import { type ApplicationDatabase, runInTransaction } from '../postgres/application-database.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { type BlobPath, findWrongKind, shownPath } from './postgres-blob-path.ts';

/**
 * The driver has the rows of one answer in memory together, as text. Bytes would be sent in hex: base64 is two thirds of that, and read in half the time.
 */
const CHUNKS_AT_ONCE = 8;
/** Of a blob that is read with one statement. */
const MAX_BYTES_AT_ONCE = 4 * 2 ** 20;

/** @throws BlobNotFoundError, BlobWrongKindError; CorruptBlobError where chunks are missing; the driver's error */
export async function readPostgresBlob(pool: ApplicationDatabase, schema: string, path: BlobPath): Promise<Uint8Array> {
  const db = inSchema(pool, schema);
  const { rows } = await db.prepared(
    `select b.size, encode(c.data, 'base64') as data
     from ${db.schema}.blob b
     left join ${db.schema}.blob_chunk c on c.content_id = b.content_id and b.size <= $3::bigint
     where b.directory = $1::text[] and b.name = $2::text
     order by c.place`,
    [path.slice(0, -1), path.at(-1), MAX_BYTES_AT_ONCE],
  );
  if (rows.length === 0) {
    throw (await findWrongKind(db, path, 'blob')) ?? new BlobNotFoundError(shownPath(path));
  }
  const size = Number(rows[0].size);
  if (size > MAX_BYTES_AT_ONCE) {
    return runInTransaction(pool, (tx) => readInParts(inSchema(tx, schema), path));
  }
  const content = new Uint8Array(size);
  checkComplete(path, size, fill(content, 0, rows));
  return content;
}

async function readInParts(db: Database, path: BlobPath): Promise<Uint8Array> {
  await db.query('set transaction isolation level repeatable read read only');
  const found = await db.query(
    `select b.size, b.content_id from ${db.schema}.blob b where b.directory = $1::text[] and b.name = $2::text`,
    [path.slice(0, -1), path.at(-1)],
  );
  const [blob] = found.rows;
  if (blob === undefined) {
    throw (await findWrongKind(db, path, 'blob')) ?? new BlobNotFoundError(shownPath(path));
  }
  const content = new Uint8Array(Number(blob.size));
  let length = 0;
  for (let place = 0; length < content.byteLength; place += CHUNKS_AT_ONCE) {
    const { rows } = await db.query(
      `select encode(c.data, 'base64') as data from ${db.schema}.blob_chunk c
       where c.content_id = $1::bigint and c.place >= $2::integer and c.place < $3::integer order by c.place`,
      [blob.content_id, place, place + CHUNKS_AT_ONCE],
    );
    if (rows.length === 0) {
      break;
    }
    length = fill(content, length, rows);
  }
  checkComplete(path, content.byteLength, length);
  return content;
}

/** @returns how far `content` would be filled: more than its length where the chunks do not belong to it */
function fill(content: Uint8Array, start: number, rows: readonly { data: string | null }[]): number {
  let length = start;
  for (const { data } of rows) {
    const bytes = Buffer.from(data ?? '', 'base64');
    if (length + bytes.byteLength <= content.byteLength) {
      content.set(bytes, length);
    }
    length += bytes.byteLength;
  }
  return length;
}

function checkComplete(path: BlobPath, size: number, length: number): void {
  if (length !== size) {
    throw new CorruptBlobError(shownPath(path), `it has ${length} bytes in its chunks, and should have ${size}`);
  }
}
