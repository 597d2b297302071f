/** Whether what was enqueued under a dedupe key had this input: known for as long as the key is, however long its job is kept. */
import { createHash } from 'node:crypto';
import type { Database } from '../postgres/queryable.ts';
import type { AnyJob } from './define-job.ts';
import { encodeInput } from './enqueue.ts';

/** @param key as it was given to `enqueue` */
export async function isSameInput(db: Database, job: AnyJob, key: string, input: unknown): Promise<boolean> {
  const { rows } = await db.prepared(`select input_hash from ${db.schema}.job_dedupe where name = $1::text and key = $2::text`, [
    job.name,
    `key/${key}`,
  ]);
  const hash = createHash('sha256').update(encodeInput(job, input)).digest('hex');
  return rows.length === 0 || rows[0].input_hash === hash;
}
