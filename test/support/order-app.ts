/** A small application as a user would write it: orders, and an invoice for each one placed. */
import { z } from 'zod';
import { defineEntryWork, defineLogType } from '../../src/index.ts';

export const order = defineLogType({
  type: 'order',
  version: 1,
  snapshotEvery: 10,
  entry: z.discriminatedUnion('type', [
    z.object({ type: z.literal('Placed'), qty: z.int().min(1) }),
    z.object({ type: z.literal('Shipped'), qty: z.int().min(1) }),
  ]),
  initial: () => ({ open: 0, entries: 0 }),
  apply: ({ open, entries }, entry) => ({ open: entry.type === 'Placed' ? open + entry.qty : open - entry.qty, entries: entries + 1 }),
});

/** Another log type, to be mistaken for the first. */
export const note = defineLogType({
  type: 'note',
  version: 1,
  entry: z.object({ type: z.literal('Wrote'), text: z.string() }),
  initial: (): string[] => [],
  apply: (state, { text }) => [...state, text],
});

/** Tables of the application's own, outside the schema of Tidemark. */
export const ORDER_TABLES = `
  create table orders (id text primary key);
  create table invoices (order_id text, attempt integer);
  grant all on orders, invoices to tidemark_app;
`;

export const sendInvoice = defineEntryWork({
  name: 'send-invoice',
  logType: order,
  maxAttempts: 3,
  async handler({ entry, logId }, { db, attempt }) {
    await db.query('insert into public.invoices (order_id, attempt) values ($1, $2)', [logId, attempt]);
    return { result: { billed: entry.qty } };
  },
});
