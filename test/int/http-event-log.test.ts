/** The event log contract over HTTP: reading and appending are the client's; what only the server may do is done to the log behind. */
import { z } from 'zod';
import { connect } from '../../src/client/connect.ts';
import { createLog } from '../../src/event-log/create-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { defineLogType } from '../../src/index.ts';
import { type EventLogHarness, eventLogContract, type TestEntry } from '../contract/event-log.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/http-server.ts';

const test = defineLogType({
  type: 'test',
  version: 1,
  entry: z.looseObject({ type: z.string() }),
  initial: () => ({}),
  apply: (state) => state,
});

const MOST_IN_ONE_REQUEST = 1_000;
const isForClients = (entries: readonly TestEntry[]) =>
  entries.length <= MOST_IN_ONE_REQUEST && !entries.some((entry) => entry?.snapshot ?? entry?.history ?? entry?.pending);

eventLogContract(
  'over HTTP',
  async (): Promise<EventLogHarness> => {
    const database = await createTestDatabase();
    const { pool } = database;
    await pool.query(`insert into tidemark.workflow_name (name) values ('mail') on conflict do nothing`);
    // Ten entries of 1 MB go in one append.
    const server = await startTestServer(database, { logTypes: [test], bodyLimit: 16 * 1_048_576 });
    const tidemark = connect({ url: server.url });
    let count = 0;
    return {
      async createLog({ pageSize, snapshotEvery, compactEvery } = {}) {
        const id = `log-${count++}`;
        await createLog(pool, { id, type: 'test', snapshotEvery, compactEvery });
        const behind = createPostgresEventLog<TestEntry>({ pool, logId: id });
        const log = tidemark.log<TestEntry>(id, { pageSize });
        return {
          ...log,
          addEntry: (entry, ...place) => (isForClients([entry]) ? log : behind).addEntry(entry, ...place),
          addEntries: (entries, ...place) => (isForClients(entries) ? log : behind).addEntries(entries, ...place),
          setMetadata: behind.setMetadata,
          completeWorkflow: behind.completeWorkflow,
          truncate: behind.truncate,
        };
      },
      async close() {
        tidemark.close();
        await server.close();
        await database.drop();
      },
    };
  },
  { modelRuns: 10 },
);
