/** The job download-records, from its enqueueing to its end, beside a plain script that does the same fetches and inserts the same rows: records a second. */
import { createPostgresBlobStore } from '../src/blob-store/postgres-blob-store.ts';
import { startWorker } from '../src/temporal/start-worker.ts';
import { createTidemark } from '../src/tidemark.ts';
import { downloadRecordsJob } from '../src/workbooks/download-records.ts';
import { startChild } from './support/child.ts';
import type { BenchDatabase, Environment } from './support/environment.ts';
import { type Figure, rateFigure, reportedFigure, takeTurns, timed } from './support/figure.ts';

const TABLES = ['orders', 'people', 'items'];
const RECORDS = 20_000;
const PAGE = 500;
const ROUNDS = 3;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const server = await startChild('bench/support/records-process.js', { records: RECORDS, pageSize: PAGE });
  const port = server.said.find((line) => line.startsWith('port '))?.slice(5);
  const url = `http://127.0.0.1:${port}`;
  const database = await environment.database();
  const blobs = createPostgresBlobStore({ pool: database.pool });
  const tidemark = createTidemark({
    db: database.pool,
    blobs,
    jobs: [downloadRecordsJob({ allowedHosts: [`127.0.0.1:${port}`], retry: { attempts: 1 } })],
  });
  const running = await startWorker({
    registry: tidemark.registry,
    pool: database.pool,
    statements: database.statements,
    schema: 'tidemark',
    blobs,
    temporal: await environment.temporal(),
    starter: { connectionString: database.url, log: (_, message) => environment.say(message) },
  });
  await database.owner.query('create table public.plain (name text, id bigint, data json); grant all on public.plain to public');
  const rate = async (name: string, body: () => Promise<unknown>) => {
    const perSecond = (TABLES.length * RECORDS) / ((await timed(body)) / 1_000);
    environment.say(`  ${name} ${perSecond.toFixed(0)} records/s`);
    return perSecond;
  };
  try {
    const { id } = await tidemark.createWorkbook({
      tables: TABLES.map((table) => ({
        id: table,
        source: { kind: 'rest', url: `${url}/${table}`, records: 'data', total: 'total', paging: { type: 'cursor' } },
      })),
    });
    const measured = await takeTurns({
      rounds: ROUNDS,
      turns: {
        job: () =>
          rate('job', async () => {
            const job = await tidemark.enqueueDownloadRecordsJob({ workbookId: id, actor: 'bench' });
            const { records } = await job.result({ pollMs: 50 });
            if (records !== TABLES.length * RECORDS) throw new Error(`${records} records were downloaded.`);
          }),
        plain: () => rate('plain script', () => plain(database, url, false)),
        ahead: () => rate('plain script, one page ahead', () => plain(database, url, true)),
      },
    });
    const value = measured.job as number;
    const note = `${TABLES.length} tables of ${RECORDS.toLocaleString('en-US')} records, ${PAGE} a page`;
    return [
      rateFigure(
        {
          name: 'download-records',
          unit: 'records/s',
          note: `${note}; baseline: a script that fetches a page and inserts its rows, one transaction a page`,
        },
        { value, baseline: measured.plain as number },
        0.8,
      ),
      reportedFigure(
        {
          name: 'download-records-ahead',
          unit: 'records/s',
          note: `${note}; baseline: the same script, which fetches a page while it inserts the one before`,
        },
        { value, baseline: measured.ahead as number },
      ),
    ];
  } finally {
    await running.stop();
    await tidemark.close();
    await server.kill();
  }
}

interface Page {
  data: { id: number }[];
  next?: string;
}

/** A row each, in a table of its own; a transaction a page. */
async function plain({ pool }: BenchDatabase, url: string, ahead: boolean): Promise<void> {
  for (const table of TABLES) {
    const fetchPage = async (cursor?: string): Promise<Page> =>
      (await fetch(`${url}/${table}${cursor === undefined ? '' : `?cursor=${cursor}`}`)).json();
    for (let page: Page | undefined = await fetchPage(); page; ) {
      const { data, next }: Page = page;
      const following: Promise<Page> | undefined = ahead && next !== undefined ? fetchPage(next) : undefined;
      await pool.query('insert into public.plain (name, id, data) select $1, * from unnest($2::bigint[], $3::json[])', [
        table,
        data.map((record) => record.id),
        data.map((record) => JSON.stringify(record)),
      ]);
      page = next === undefined ? undefined : await (following ?? fetchPage(next));
    }
  }
}
