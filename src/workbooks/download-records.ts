/**
 * The job `download-records`: downloads the records of a workbook's tables into sheets, table by table and page by page.
 *
 * It can be killed at any point and goes on with the page after the last one that is in a sheet: no record twice, none missing. What its tables show changes when
 * it is done, all of them at once: one that is cancelled or dead leaves them as they were.
 */
import { z } from 'zod';
import { InvalidInputError, WorkbookNotFoundError } from '../errors.ts';
import { defineJob, type JobDefinition } from '../jobs/define-job.ts';
import type { JobContext } from '../jobs/job-context.ts';
import { parseJobId, workIdOf } from '../jobs/job-id.ts';
import { type Database, inSchema, type Queryable } from '../postgres/queryable.ts';
import { loadSourceSettings } from '../settings/source-settings.ts';
import { NonRetryableError } from '../work/retry-policy.ts';
import { allowedHostProblem } from './allowed-hosts.ts';
import type { AnySource } from './define-source.ts';
import { downloadProgress } from './download-progress.ts';
import { downloadTable, type TableToDownload } from './download-table.ts';
import { sheetsOfDownload } from './sheets-of-downloads.ts';
import type { SourceSettings } from './source-context.ts';
import { createSources, type Sources } from './sources.ts';
import { tableId, type WorkbookSource, workbookId } from './workbook.ts';

export const DOWNLOAD_RECORDS = 'download-records';

const downloadInput = z.object({
  workbookId,
  /** Who asks for it. */
  actor: z.string().min(1).max(500),
  /** Default: all. */
  tableIds: z.array(tableId).min(1).max(50).optional(),
  /** For the application: kept with the job. */
  metadata: z.record(z.string(), z.unknown()).optional(),
});

const downloadOutput = z.object({
  /** Of all tables. */
  records: z.number(),
  tables: z.array(z.object({ id: z.string(), sheet: z.string(), records: z.number() })),
});

export type DownloadRecordsInput = z.output<typeof downloadInput>;
export type DownloadRecordsOutput = z.output<typeof downloadOutput>;

export interface DownloadRecordsOptions
  extends Pick<
    JobDefinition<DownloadRecordsInput, DownloadRecordsOutput>,
    'retry' | 'keep' | 'deadlineMs' | 'concurrency' | 'rateLimit' | 'maxWaitingPerActor'
  > {
  /** Kinds of the application's own: see defineSource. */
  sources?: readonly AnySource[];
  /** Asked before each attempt. Default: whoever could enqueue it may. False: the job is dead at once. */
  authorize?: (actor: string, input: DownloadRecordsInput, context: { db: Queryable }) => boolean | Promise<boolean>;
  /** Hosts that sources may reach: `api.example.com`, `*.example.com`, `localhost:8080`. Default: TIDEMARK_SOURCE_HOSTS of the worker, without it none. */
  allowedHosts?: readonly string[];
  /** Hosts that a secret may be sent to: `{ TIDEMARK_SECRET_SHOP: ['api.example.com'] }`. Default: TIDEMARK_SOURCE_SECRETS of the worker. */
  secretHosts?: Readonly<Record<string, readonly string[]>>;
}

export type DownloadRecordsJob = JobDefinition<DownloadRecordsInput, DownloadRecordsOutput>;

/** Which sources a job of this name can read. */
const sourcesByJob = new WeakMap<object, Sources>();

/** @throws InvalidInputError for a job that was not made here */
export function sourcesOf(job: object): Sources {
  const sources = sourcesByJob.get(job);
  if (sources === undefined) {
    throw new InvalidInputError(
      `The job '${DOWNLOAD_RECORDS}' of this instance is not made by downloadRecordsJob(). Make it so, or leave it out.`,
    );
  }
  return sources;
}

/**
 * Every application has this job; one that gives its own to createTidemark({ jobs }) has that in its place.
 * @throws InvalidInputError
 */
export function downloadRecordsJob({
  sources: own = [],
  authorize,
  allowedHosts,
  secretHosts,
  ...options
}: DownloadRecordsOptions = {}): DownloadRecordsJob {
  const sources = createSources(own);
  for (const host of [...(allowedHosts ?? []), ...Object.values(secretHosts ?? {}).flat()]) {
    const problem = allowedHostProblem(host.toLowerCase());
    if (problem !== undefined) {
      throw new InvalidInputError(`The host '${host.slice(0, 100)}' of downloadRecordsJob is none: ${problem}.`);
    }
  }
  const job = defineJob({
    ...options,
    name: DOWNLOAD_RECORDS,
    input: downloadInput,
    output: downloadOutput,
    // Nobody downloads in another one's name.
    authorize: async (actor, input, context) =>
      (actor === undefined || actor === input.actor) && (authorize === undefined || (await authorize(input.actor, input, context))),
    async handler(input, context) {
      const settings = loadSourceSettings();
      return downloadRecords(input, context, sources, {
        ...settings,
        allowedHosts: allowedHosts ?? settings.allowedHosts,
        secretHosts: secretHosts ?? settings.secretHosts,
      });
    },
  });
  sourcesByJob.set(job, sources);
  return job;
}

async function downloadRecords(
  { workbookId: id, tableIds, actor }: DownloadRecordsInput,
  context: JobContext,
  sources: Sources,
  settings: SourceSettings,
): Promise<DownloadRecordsOutput> {
  const sheets = sheetsOfDownload(context.schema, { workbookId: id, workId: workIdOf(parseJobId(context.jobId)), actor });
  const inTables = (db: Queryable) => inSchema(db, context.schema);
  const ids = await context.step('tables', ({ db }) => chooseTables(inTables(db), id, tableIds));
  const tables: TableToDownload[] = [];
  for (const table of ids) {
    const begun = await context.step(`table/${table}`, async ({ db }) => ({
      ...(await readTable(inTables(db), id, table)),
      sheet: await sheets.begin(db, table),
    }));
    tables.push({ id: table, sheet: begun.sheet, columns: begun.columns, ...readable(sources, table, begun.source) });
  }
  const progress = downloadProgress(
    tables.map((table) => table.id),
    context.progress,
  );
  const attempt = { pages: 0 };
  const done: DownloadRecordsOutput['tables'] = [];
  for (const table of tables) {
    const value = await downloadTable(table, {
      context,
      sheets,
      settings,
      attempt,
      onProgress: (update) => progress.say(table.id, update),
    });
    done.push({ id: table.id, ...value });
  }
  // With the end of the job, or not at all.
  const late = await sheets.show(
    context.db,
    done.map(({ sheet }) => sheet),
  );
  if (late.length > 0) {
    context.logger.warn(`A download that began later is what is shown, and not ${late.join(', ')} of this one.`);
  }
  return { records: done.reduce((sum, { records }) => sum + records, 0), tables: done };
}

/** In their order. @throws NonRetryableError where there is no such workbook, or not one of these */
async function chooseTables(db: Database, id: string, wanted: readonly string[] | undefined): Promise<string[]> {
  const { rows } = await db.query(
    `select (select array_agg(t.id order by t.place) from ${db.schema}.workbook_table t where t.workbook_id = b.id) as tables
     from ${db.schema}.workbook b where b.id = $1::text`,
    [id],
  );
  if (rows.length === 0) {
    throw new NonRetryableError(new WorkbookNotFoundError(id).message);
  }
  const tables: string[] = rows[0].tables ?? [];
  const unknown = wanted?.find((table) => !tables.includes(table));
  if (unknown !== undefined) {
    throw new NonRetryableError(`Workbook '${id}' has no table '${unknown}'. It has ${tables.join(', ')}.`);
  }
  return tables.filter((table) => wanted?.includes(table) ?? true);
}

async function readTable(db: Database, id: string, table: string): Promise<{ source: WorkbookSource; columns?: string[] }> {
  const { rows } = await db.query(
    `select source, columns from ${db.schema}.workbook_table where workbook_id = $1::text and id = $2::text`,
    [id, table],
  );
  if (rows.length === 0) {
    throw new NonRetryableError(`Table '${table}' of workbook '${id}' is gone. Download the workbook anew.`);
  }
  const [{ source, columns }] = rows;
  return { source, ...(columns === null ? {} : { columns }) };
}

/** A worker of another version, or without the application's own sources, may not know it. */
function readable(sources: Sources, table: string, given: WorkbookSource) {
  try {
    return sources.check(table, given);
  } catch (error) {
    throw error instanceof InvalidInputError ? new NonRetryableError(error.message, { cause: error }) : error;
  }
}
