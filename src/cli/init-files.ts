/** The small application that `tidemark init` writes. */

export const EXAMPLE_APP = `/** What this application has: the kinds of logs, and the work that their entries ask for. Run by \`npx tidemark dev\`. */
import { readFileSync } from 'node:fs';
import { env } from 'node:process';
import pg from 'pg';
import { createDirectoryBlobStore, createPostgresBlobStore, createTidemark, defineEntryWork, defineLogType } from 'tidemark';
import { z } from 'zod';

/** The log of one order: its entries, and the state that they add up to. A snapshot is taken every 100 entries. */
export const order = defineLogType({
  type: 'order',
  version: 1,
  snapshotEvery: 100,
  entry: z.discriminatedUnion('type', [
    z.object({ type: z.literal('Placed'), item: z.string(), quantity: z.int().min(1) }),
    z.object({ type: z.literal('Cancelled'), item: z.string() }),
  ]),
  initial: () => ({ items: {} }),
  apply(state, entry) {
    const items = { ...state.items };
    if (entry.type === 'Placed') items[entry.item] = (items[entry.item] ?? 0) + entry.quantity;
    else delete items[entry.item];
    return { items };
  },
});

/**
 * Runs, on Temporal, for every entry appended with \`pending: 'confirm-order'\`: at least once, and what it writes through
 * \`db\` or returns takes effect once.
 */
export const confirmOrder = defineEntryWork({
  name: 'confirm-order',
  async handler({ entry, logId, sequenceId }, { attempt }) {
    console.log(\`\${logId}: confirming entry \${sequenceId} (attempt \${attempt}):\`, entry.item, entry.quantity);
    return { result: { confirmed: entry.item } };
  },
});

const { databaseUrl, blobs } = settings();
export const pool = new pg.Pool({ connectionString: databaseUrl });

export default createTidemark({
  db: pool,
  logTypes: [order],
  entryWork: [confirmOrder],
  blobs: blobs === 'postgres:' ? createPostgresBlobStore({ pool }) : createDirectoryBlobStore({ path: blobs }),
});

/** DATABASE_URL and TIDEMARK_BLOBS, else what the \`tidemark dev\` that runs in this folder says of itself. */
function settings() {
  if (env.DATABASE_URL) return { databaseUrl: env.DATABASE_URL, blobs: env.TIDEMARK_BLOBS || '.tidemark/blobs' };
  return JSON.parse(readFileSync('.tidemark/dev.json', 'utf8'));
}
`;

export const EXAMPLE_SCRIPT = `/** Appends to the log of an order and reads its state. Run it while \`npx tidemark dev\` runs: node tidemark-example.mjs */
import tidemark, { order, pool } from './tidemark.config.mjs';

// The entry and the work that it asks for commit together; with a table of your own in the same transaction, that too.
const { sequenceId } = await tidemark.transaction(({ log }) =>
  log(order, 'order-1').append(
    { type: 'Placed', item: 'tea', quantity: 2 },
    { expect: 'any', pending: 'confirm-order', actor: 'example' },
  ),
);
console.log('appended entry', sequenceId);
console.log('state', await tidemark.log(order, 'order-1').state());
console.log(\`see: npx tidemark work confirm-order/order-1/\${sequenceId}\`);

await tidemark.close();
await pool.end();
`;
