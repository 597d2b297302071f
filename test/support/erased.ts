/** Looks for a text everywhere that an erasure has to reach: every column of every table, every blob of a log, as it is and decompressed. */
import { gunzipSync } from 'node:zlib';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import type { TestDatabase } from './database.ts';

/** @returns where the texts are: 'table entries', 'blob tile-…' */
export async function findTexts(database: TestDatabase, blobs: BlobDir, ...texts: string[]): Promise<string[]> {
  const found: string[] = [];
  const { rows: tables } = await database.ownerPool.query(
    `select c.relname as name from pg_class c where c.relnamespace = 'tidemark'::regnamespace and c.relkind = 'r' order by 1`,
  );
  for (const { name } of tables) {
    const { rows } = await database.ownerPool.query(
      `select count(*)::integer as hits from tidemark.${name} t where t::text like any (select '%' || x || '%' from unnest($1::text[]) x)`,
      [texts],
    );
    if (rows[0].hits > 0) found.push(`table ${name}`);
  }
  for (let continuation: string | undefined, isFirst = true; isFirst || continuation !== undefined; isFirst = false) {
    const page = await blobs.query(continuation);
    for (const name of page.blobs) {
      const content = Buffer.from(await blobs.readBlob(name));
      const plain = name.endsWith('.gz') ? gunzipSync(content) : content;
      if (texts.some((text) => content.includes(text) || plain.includes(text))) found.push(`blob ${name}`);
    }
    continuation = page.continuation;
  }
  return found;
}
