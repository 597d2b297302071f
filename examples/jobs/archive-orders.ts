/**
 * A bulk operation: all orders before a day are archived, with a bar that moves and a button that stops it.
 *
 * A page is a step: its rows and "this page is done" commit together. So an attempt that comes after a crash goes on at the next page, and one that is
 * cancelled stops between two pages, with whole pages archived and nothing half done. No lock is held for longer than a page takes.
 */
import { defineJob } from 'tidemark';
import { z } from 'zod';

export interface ArchiveOptions {
  /** Rows a page. Default 500. */
  page?: number;
}

export function archiveOrders({ page = 500 }: ArchiveOptions = {}) {
  return defineJob({
    name: 'archive-orders',
    input: z.object({ before: z.iso.date() }),
    output: z.object({ archived: z.int() }),
    // Two of them would only wait for each other's rows.
    concurrency: 1,
    deadlineMs: 60_000,
    handler: async ({ before }, { step, progress, logger, signal }) => {
      const { orders } = await step('count', async ({ db }) => {
        const { rows } = await db.query(
          'select count(*)::integer as orders from customer_order where placed_on < $1 and archived_at is null',
          [before],
        );
        return { orders: rows[0].orders as number };
      });
      let archived = 0;
      for (let number = 1, after = '0'; ; number += 1) {
        signal.throwIfAborted();
        const done = await step(`page ${number}`, async ({ db }) => {
          const { rows } = await db.query(
            `with page as (
               select id from customer_order where placed_on < $1 and archived_at is null and id > $2::bigint order by id limit ${page} for update
             ), archived as (
               update customer_order o set archived_at = now() from page p where o.id = p.id returning o.id
             )
             select count(*)::integer as count, max(id)::text as last from archived`,
            [before, after],
          );
          return rows[0] as { count: number; last: string | null };
        });
        archived += done.count;
        await progress({ fraction: Math.min(1, orders === 0 ? 1 : archived / orders), counts: { archived } });
        if (done.last === null) break;
        after = done.last;
      }
      logger.info('archived', { archived, before });
      return { archived };
    },
  });
}
