/** Appends by eight clients over HTTP, one entry at a time, against the library called directly on as many connections. */
import { connect } from '../src/client/connect.ts';
import { createLog } from '../src/event-log/create-log.ts';
import type { SheetEntry } from '../src/spreadsheet/entries.ts';
import { sheet } from '../src/spreadsheet/sheet.ts';
import { createTidemark } from '../src/tidemark.ts';
import type { Environment } from './support/environment.ts';
import { alternate, type Figure, rateFigure, timed } from './support/figure.ts';
import { startHttpServer } from './support/http-server.ts';

const LANES = 8;
const CALLS = 60;
const ROUNDS = 9;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database({ connections: LANES });
  const server = await startHttpServer(environment, database, LANES);
  const tidemark = createTidemark({ db: database.pool, connectionString: database.url });
  const client = connect({ url: server.url });

  const round = async (kind: string, number: number, append: (logId: string, index: number) => Promise<unknown>) => {
    const logs = Array.from({ length: LANES }, (_, lane) => `${kind}-${number}-${lane}`);
    for (const id of logs) {
      await createLog(database.db, { id, type: 'sheet', snapshotEvery: 1_000 });
    }
    const milliseconds = await timed(() =>
      Promise.all(
        logs.map(async (logId) => {
          for (let index = 0; index < CALLS; index += 1) {
            await append(logId, index);
          }
        }),
      ),
    );
    return (LANES * CALLS) / (milliseconds / 1_000);
  };
  try {
    const measured = await alternate({
      rounds: ROUNDS,
      warmUp: 2,
      value: (number) => round('http', number, (logId, index) => client.log<SheetEntry>(logId).addEntry(entryAt(index), BigInt(index))),
      baseline: (number) =>
        round('direct', number, (logId, index) => tidemark.log(sheet, logId).append(entryAt(index), { expect: BigInt(index) })),
    });
    const note = `${LANES} clients, one entry a call, each once by a key; baseline: tidemark.log(…).append on ${LANES} connections`;
    return [rateFigure({ name: 'http-append', unit: 'entries/s', note }, measured, 0.2)];
  } finally {
    client.close();
    await tidemark.close();
    await server.stop();
  }
}

function entryAt(index: number): SheetEntry {
  return { type: 'SetCellValueAndFormat', row: index, column: 3, value: `value ${index}` };
}
