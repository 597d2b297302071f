/**
 * A report: somebody asks for a month, and gets a file.
 *
 * The rows are read a page at a time by their key, so memory does not grow with the month. The file is a blob; its name is the hash of its content, so a second
 * attempt writes the same bytes under the same name. The job's result names it: what is downloaded is looked up by the job, never by a name from outside.
 */
import { createHash } from 'node:crypto';
import { type BlobDir, type BlobStore, defineJob, NonRetryableError } from 'tidemark';
import { z } from 'zod';

const PAGE = 1_000;
const HEADER = 'order,customer,placed on,total\n';
const output = z.object({ blob: z.string(), rows: z.int(), bytes: z.int() });
export type SalesReport = z.infer<typeof output>;

const reportsOf = async (blobs: BlobStore): Promise<BlobDir> => (await blobs.getRootDir()).getDir('reports');

export function salesReport(blobs: BlobStore) {
  return defineJob({
    name: 'sales-report',
    input: z.object({ month: z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/) }),
    output,
    // The newest ones can be downloaded: so many are kept.
    keep: { completed: 100 },
    // Each holds its file in memory.
    concurrency: 2,
    maxWaitingPerActor: 5,
    // What an actor may see can have changed since they asked.
    authorize: async (actor, _, { db }) => (await db.query('select 1 from accountant where name = $1', [actor])).rows.length > 0,
    handler: async ({ month }, { db, progress, signal }) => {
      const { rows: counted } = await db.query(
        `select count(*)::integer as orders from customer_order where date_trunc('month', placed_on) = ($1 || '-01')::date`,
        [month],
      );
      const { orders } = counted[0];
      if (orders === 0) throw new NonRetryableError(`There are no orders of ${month}.`);
      const lines = [HEADER];
      for (let after = '0'; ; ) {
        signal.throwIfAborted();
        const { rows } = await db.query(
          `select id::text as number, customer, placed_on::text, total_cents::text from customer_order
           where date_trunc('month', placed_on) = ($1 || '-01')::date and id > $2::bigint order by id limit ${PAGE}`,
          [month, after],
        );
        for (const row of rows) lines.push(`${[row.number, quote(row.customer), row.placed_on, euros(row.total_cents)].join(',')}\n`);
        await progress({ fraction: (lines.length - 1) / Math.max(orders, lines.length - 1), counts: { rows: lines.length - 1 } });
        if (rows.length < PAGE) break;
        after = rows.at(-1).number;
      }
      const content = Buffer.from(lines.join(''));
      const blob = `${createHash('sha256').update(content).digest('hex')}.csv`;
      await (await reportsOf(blobs)).writeBlob(blob, content);
      return { blob, rows: lines.length - 1, bytes: content.byteLength };
    },
  });
}

/** For the route that downloads it: `await job.result()` is the report. */
export async function readReport(blobs: BlobStore, { blob }: SalesReport): Promise<Uint8Array> {
  return (await reportsOf(blobs)).readBlob(blob);
}

/** A cell that begins as a formula would is text: a spreadsheet must not run what a customer is called. */
const quote = (text: string): string => `"${text.replaceAll('"', '""').replace(/^[=+\-@\t\r]/, "'$&")}"`;
/** Exact, whatever the amount: no number of JavaScript is in between. */
export function euros(cents: string): string {
  const digits = cents.replace('-', '').padStart(3, '0');
  return `${cents.startsWith('-') ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
