/** A log of 100,000 entries read in pages of 10,000 over HTTP, against the library called directly. */
import { connect } from '../src/client/connect.ts';
import type { EventLog, LogEntry, SequenceId } from '../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../src/event-log/postgres-event-log.ts';
import type { Environment } from './support/environment.ts';
import { alternate, type Figure, rateFigure, timed } from './support/figure.ts';
import { startHttpServer } from './support/http-server.ts';
import { fillSheetLogs } from './support/sheet-logs.ts';

const ENTRIES = 100_000;
const PAGE = 10_000;
const ROUNDS = 7;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database({ connections: 2 });
  await fillSheetLogs(database, { prefix: 'read', logs: 1, entries: ENTRIES - 1 });
  const server = await startHttpServer(environment, database, 2);
  const client = connect({ url: server.url });
  const direct = createPostgresEventLog({ pool: database.pool, logId: 'read-0', pageSize: PAGE });
  const overHttp = client.log('read-0', { pageSize: PAGE });
  try {
    const measured = await alternate({
      rounds: ROUNDS,
      value: () => readRate(overHttp),
      baseline: () => readRate(direct),
    });
    const note = `${ENTRIES} small entries in pages of ${PAGE}, one after the other; baseline: the library's query`;
    return [rateFigure({ name: 'http-query', unit: 'entries/s', note }, measured, 0.4)];
  } finally {
    client.close();
    await server.stop();
  }
}

async function readRate(log: Pick<EventLog<LogEntry>, 'query'>): Promise<number> {
  let count = 0;
  const milliseconds = await timed(async () => {
    for (let start: SequenceId = 0n, isComplete = false; !isComplete; ) {
      const page = await log.query(start, 'end');
      count += page.entries.length;
      start = page.endSequenceId;
      isComplete = page.isComplete;
    }
  });
  if (count !== ENTRIES) {
    throw new Error(`${count} entries were read, not ${ENTRIES}.`);
  }
  return count / (milliseconds / 1_000);
}
