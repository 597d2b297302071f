/** POST /workbooks as a client sees it: a workbook of two tables and the job that downloads it, committed before the answer; 99 of 100 of them. */
import { createTidemark } from '../src/tidemark.ts';
import type { Environment } from './support/environment.ts';
import { alternate, type Figure, limitFigure, quantile, timed } from './support/figure.ts';
import { startHttpServer } from './support/http-server.ts';

const REQUESTS = 300;
const ROUNDS = 3;
const tables = ['orders', 'people'].map((id) => ({ id, source: { kind: 'csv', url: `https://example.com/${id}.csv` } }));

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database();
  const server = await startHttpServer(environment, database);
  const tidemark = createTidemark({ db: database.pool });
  const p99 = async (body: () => Promise<unknown>) => {
    const took: number[] = [];
    for (let index = 0; index < REQUESTS; index += 1) took.push(await timed(body));
    return quantile(took, 0.99);
  };
  try {
    const measured = await alternate({
      rounds: ROUNDS,
      value: () =>
        p99(async () => {
          const response = await fetch(`${server.url}/workbooks`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ tables }),
          });
          if (response.status !== 202) throw new Error(`POST /workbooks answered ${response.status}: ${await response.text()}`);
          await response.arrayBuffer();
        }),
      baseline: () =>
        p99(() =>
          tidemark.transaction(async ({ createWorkbook, enqueueDownloadRecordsJob }) => {
            const { id } = await createWorkbook({ tables });
            await enqueueDownloadRecordsJob({ workbookId: id, actor: 'bench' });
          }),
        ),
    });
    const note = `99th of 100, ${REQUESTS} requests one after another; baseline: the same by the library`;
    return [limitFigure({ name: 'http-workbooks', unit: 'ms', note }, measured, 50)];
  } finally {
    await tidemark.close();
    await server.stop();
  }
}
