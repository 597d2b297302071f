/** What a server holds when its documented requests are sent, and when it is fuzzed: something of everything. */
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import {
  type AnySchedule,
  applySubscriptions,
  defineJob,
  defineLogType,
  defineSchedule,
  defineTopics,
  defineWorker,
  sheet,
} from '../../src/index.ts';
import type { Schedules } from '../../src/schedules/schedules.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { connectSchedules } from '../../src/temporal/connect-schedules.ts';
import { appSchedules } from '../../src/temporal/keep-schedules.ts';
import { reconcileSchedules } from '../../src/temporal/reconcile-schedules.ts';
import type { Tidemark } from '../../src/tidemark.ts';
import { failWork } from '../../src/work/end.ts';
import type { TestDatabase } from './database.ts';
import { temporalAddress } from './servers.ts';
import { workRows } from './work-rows.ts';

export interface Scene {
  /** Of the sheet 'flights': a root and a tile are in it. */
  blobId: string;
  /** A delivery that is dead. */
  deadLetterId: string;
}

/** Takes whatever has a type. */
const note = defineLogType({
  type: 'note',
  version: 1,
  entry: z.looseObject({ type: z.string().min(1) }),
  initial: () => ({ notes: 0 }),
  apply: ({ notes }) => ({ notes: notes + 1 }),
});

const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string().optional() }), anything: z.unknown() });
const mail = defineWorker(topics, { topic: 'order-placed', subscription: 'mail', handler: () => {} });

/** Takes whatever it is given. */
const anything = defineJob({ name: 'anything', input: z.unknown(), handler: () => {} });
const report = defineJob({ name: 'report', input: z.object({ month: z.string() }).optional(), handler: () => {} });

/** Of the server. */
export const sceneOptions = (blobs: BlobStore = createMemoryBlobStore()) => ({
  logTypes: [note],
  topics,
  workers: [mail],
  jobs: [report, anything],
  blobs,
});

/** A schedule 'newsletter' in the run's Temporal, for a server of this database. `close` removes it. */
export async function openSceneSchedules({ pool }: TestDatabase): Promise<{ schedules: Schedules; close(): Promise<void> }> {
  const temporal = { address: temporalAddress(), namespace: 'default' };
  const { schedules, client, close } = connectSchedules({ pool, schema: 'tidemark', temporal });
  const newsletter = defineSchedule({
    name: 'newsletter',
    cron: '0 10 * * *',
    timezone: 'Europe/Berlin',
    job: report,
    overlap: 'allow',
    input: { month: '1' },
  });
  const apply = async (wanted: AnySchedule[]) =>
    reconcileSchedules({
      client: await client(),
      pool,
      schema: 'tidemark',
      ...appSchedules(new Map(wanted.map((one) => [one.name, one]))),
    });
  await apply([newsletter]);
  return {
    schedules,
    async close() {
      await apply([]);
      await close();
    },
  };
}

/** The same for a process, as an app file. */
export function sceneApp(): string {
  const from = (path: string) => JSON.stringify(pathToFileURL(path).href);
  return `
import { createTidemark, defineJob, defineLogType, defineTopics, defineWorker } from ${from('dist/index.js')};
import { z } from ${from('node_modules/zod/index.js')};
const note = defineLogType({
  type: 'note',
  version: 1,
  entry: z.looseObject({ type: z.string().min(1) }),
  initial: () => ({ notes: 0 }),
  apply: ({ notes }) => ({ notes: notes + 1 }),
});
const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string().optional() }), anything: z.unknown() });
const mail = defineWorker(topics, { topic: 'order-placed', subscription: 'mail', handler: () => {} });
const anything = defineJob({ name: 'anything', input: z.unknown(), handler: () => {} });
export default createTidemark({ db: { query: async () => ({ rows: [] }) }, logTypes: [note], topics, workers: [mail], jobs: [anything] });
`;
}

/** A sheet 'flights' of three entries with a snapshot before the last, a log 'notes', a workbook 'sales', a unit that is dead and one that waits, a dead letter, a job that waits and one that was cancelled. */
export async function setScene(database: TestDatabase, tidemark: Tidemark): Promise<Scene> {
  const flights = tidemark.log(sheet, 'flights');
  for (const value of [1, 2, 3]) await flights.append({ type: 'SetCellValueAndFormat', row: 0, column: 0, value }, { expect: 'any' });
  const blobs = await flights.blobs();
  const blobId = await takeSnapshot({ log: flights.eventLog, blobs, logType: sheet, sequenceId: 2n });
  await flights.eventLog.setMetadata(2n, { snapshot: blobId });
  await tidemark.log(note, 'notes').append({ type: 'Noted' }, { expect: 'any' });

  await tidemark.createWorkbook({
    id: 'sales',
    tables: [{ id: 'orders', source: { kind: 'csv', url: 'https://example.com/orders.csv' } }],
  });

  const work = workRows(database);
  await work.register('mail');
  await work.add({ id: 'mail/1', group: 'letters' });
  await failWork(work.db, await work.begin('mail/1'), { code: 'refused', message: 'The server said 550' }, { dead: true });
  // Without a slash, which a fuzzer does not put into a path.
  await work.add({ id: 'solo', workflow: 'mail', group: 'letters', notBefore: new Date(Date.now() + 3_600_000) });

  await tidemark.enqueue(report, { month: '1' }, { id: 'later', notBefore: new Date(Date.now() + 3_600_000) });
  await (await tidemark.enqueue(report, { month: '1' }, { id: 'ended' })).cancel();
  await database.ownerPool.query(`update tidemark.work set finished_at = '2026-11-01T10:00:00Z' where id = 'job/report/ended'`);

  await applySubscriptions(database.db, [mail]);
  const { messageId } = await tidemark.publish('order-placed' as never, { orderId: 'o1' } as never);
  const deadLetterId = `delivery/mail/${messageId}`;
  await failWork(work.db, await work.begin(deadLetterId), { code: 'handler_failed', message: 'The server said 550' }, { dead: true });
  await work.add({ id: 'lone', workflow: 'delivery', group: 'mail', notBefore: new Date(Date.now() + 3_600_000) });
  return { blobId, deadLetterId };
}
