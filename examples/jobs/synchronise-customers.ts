/**
 * A data synchronisation: a copy of somebody else's customers is brought up to date, every quarter of an hour.
 *
 * The service is asked for what has changed behind a mark: the time and id of the last customer seen. A page is a step, and moves the mark in the same
 * transaction, so nothing is skipped and a crash costs one page. The upsert keeps the newer of two, so a page that comes twice, late or out of order changes
 * nothing.
 */
import { defineJob, RetryAfterError } from 'tidemark';
import { z } from 'zod';

const customers = z.array(z.object({ id: z.string(), name: z.string(), updatedAt: z.iso.datetime() }));
type Customers = z.infer<typeof customers>;

const TIMEOUT_MS = 10_000;
const RETRY_AFTER_MS = 5_000;

/** @param url of the service: answers a page of what comes behind `updatedAt` and `id`, oldest first, and an empty one when there is no more */
export function synchroniseCustomers(url: string) {
  return defineJob({
    name: 'synchronise-customers',
    input: z.object({}),
    output: z.object({ customers: z.int() }),
    // Two at once would read the same pages.
    concurrency: 1,
    retry: { attempts: 10, initialMs: 1_000, maxMs: 300_000 },
    handler: async (_, { db, step, progress, signal }) => {
      let mark = await readMark(db);
      let count = 0;
      for (let number = 1; ; number += 1) {
        const page = await fetchPage(url, mark, signal);
        const last = page.at(-1);
        if (last === undefined) return { customers: count };
        // Named by where it begins: an attempt that comes later begins behind it.
        await step(`behind ${mark.updatedAt} ${mark.id}`, async ({ db: ofPage }) => {
          await ofPage.query(
            `insert into customer as c (id, name, updated_at) select * from json_to_recordset($1::json) as n (id text, name text, "updatedAt" timestamptz)
             on conflict (id) do update set name = excluded.name, updated_at = excluded.updated_at where c.updated_at < excluded.updated_at`,
            [JSON.stringify(page)],
          );
          await ofPage.query(
            `insert into customer_mark (updated_at, id) values ($1, $2)
             on conflict (is_only) do update set updated_at = excluded.updated_at, id = excluded.id`,
            [last.updatedAt, last.id],
          );
        });
        mark = last;
        count += page.length;
        await progress({ message: `page ${number}`, counts: { customers: count } });
      }
    },
  });
}

type Mark = Pick<Customers[number], 'updatedAt' | 'id'>;

async function readMark(db: { query(text: string): Promise<{ rows: { updated_at: Date; id: string }[] }> }): Promise<Mark> {
  const { rows } = await db.query('select updated_at, id from customer_mark');
  return rows[0] ? { updatedAt: rows[0].updated_at.toISOString(), id: rows[0].id } : { updatedAt: '1970-01-01T00:00:00.000Z', id: '' };
}

async function fetchPage(url: string, mark: Mark, signal: AbortSignal): Promise<Customers> {
  const response = await fetch(`${url}?${new URLSearchParams({ ...mark })}`, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  if (response.status === 429 || response.status === 503) {
    await response.body?.cancel();
    const seconds = Number(response.headers.get('retry-after'));
    throw new RetryAfterError(`The service answered ${response.status}.`, seconds > 0 ? seconds * 1_000 : RETRY_AFTER_MS);
  }
  if (!response.ok) throw new Error(`The service answered ${response.status}.`);
  return customers.parse(await response.json());
}
