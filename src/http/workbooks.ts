/**
 * Workbooks: create, list, inspect, download. A workbook and the job that downloads it commit together before they are answered; the job's own resource says how
 * far it is. Where jobs run in whoever enqueues them, the download is done with the answer: 200.
 */
import { z } from 'zod';
import type { JobHandle } from '../jobs/job-handle.ts';
import { listWorkbooks, readWorkbook } from '../workbooks/read-workbooks.ts';
import { newWorkbook, tableId, type Workbook, workbookId } from '../workbooks/workbook.ts';
import { type Caller, ForbiddenError, requireLog } from './access.ts';
import type { Authorizer } from './authorizer.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { isDoneHere } from './is-done-here.ts';
import { problems } from './problem.ts';
import { LogId, pageSize, TAGS, Timestamp } from './schemas.ts';

const Metadata = z.record(z.string(), z.unknown()).optional().describe("Of the application: kept with the job's input");

const WorkbookBody = z
  .object({
    id: z.string(),
    title: z.string().optional(),
    actor: z.string().optional().describe('Who created it'),
    createdAt: Timestamp,
    tables: z.array(
      z.object({
        id: z.string(),
        source: z.looseObject({ kind: z.string() }).describe('Without secrets: it names environment variables of the workers'),
        columns: z.array(z.string()).optional().describe('Those to take; absent: all'),
        sheet: LogId.optional().describe('The log that its records are in; absent: nothing has been downloaded yet'),
        records: z.int().optional(),
        downloadedAt: Timestamp.optional(),
      }),
    ),
  })
  .meta({ id: 'Workbook' });

const JobLink = z
  .object({
    id: z.string().describe('`<name>:<id>`'),
    href: z.string().describe('Where it is looked at'),
    answer: z.enum(['created', 'ignored', 'replaced']).optional().describe('`ignored`: one waits or runs already, and is this one'),
  })
  .meta({ id: 'JobLink' });

const Created = z.object({ workbook: WorkbookBody, job: JobLink.optional() });
const WorkbookParams = z.object({ workbookId });

export function workbookRoutes(app: HttpApp, { tidemark, db }: HttpContext, auth: Authorizer['auth'], basePath: string): void {
  const linkTo = ({ id, answer }: JobHandle): z.input<typeof JobLink> => ({
    id,
    href: `${basePath}/jobs/${encodeURIComponent(id)}`,
    ...(answer === undefined ? {} : { answer }),
  });

  /** A download is somebody's; where nobody is asked who they are, of whoever is on this machine. */
  function actorOf({ actor, id }: Caller): string {
    const name = actor ?? id ?? (auth === 'off' ? 'local' : undefined);
    if (name === undefined) {
      throw new ForbiddenError('A download is asked for by somebody: authorize has to say who is there (actor).');
    }
    return name;
  }

  app.route({
    method: 'POST',
    url: '/workbooks',
    config: { access: 'jobs' },
    schema: {
      tags: [TAGS.workbooks],
      summary: 'Create a workbook and download its records',
      body: newWorkbook.extend({ metadata: Metadata }),
      response: {
        200: Created.describe('Jobs run where they are enqueued here: its records are there'),
        202: Created.describe('The job waits; Location is where it is looked at'),
        ...problems(409),
      },
    },
    async handler(request, reply) {
      const { metadata, ...given } = request.body;
      const actor = actorOf(request.caller);
      const { logPrefixes } = request.caller;
      if (given.id !== undefined) {
        requireLog(request, `${given.id}.`);
      } else if (logPrefixes !== undefined) {
        throw new ForbiddenError(
          `What was sent reaches some logs alone: give the workbook an id that begins with '${logPrefixes.join("' or '")}'.`,
        );
      }
      const { workbook, job } = await tidemark.transaction(async ({ createWorkbook, enqueueDownloadRecordsJob }) => {
        const created = await createWorkbook({ ...given, actor });
        const enqueued = await enqueueDownloadRecordsJob({ workbookId: created.id, actor, ...(metadata ? { metadata } : {}) });
        return { workbook: created, job: enqueued };
      });
      const isDone = await isDoneHere(tidemark, job);
      return reply
        .code(isDone ? 200 : 202)
        .header('location', linkTo(job).href)
        .send({ workbook: bodyOf(isDone ? await readWorkbook(db, workbook.id) : workbook), job: linkTo(job) });
    },
  });

  app.route({
    method: 'GET',
    url: '/workbooks',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.workbooks],
      summary: 'List workbooks by id',
      querystring: z.object({
        after: z.string().max(100).optional().describe('The `next` of the page before'),
        limit: pageSize(500, 100),
      }),
      response: { 200: z.object({ workbooks: z.array(WorkbookBody), next: z.string().optional() }), ...problems() },
    },
    async handler({ query: { after, limit }, caller }) {
      const workbooks = await listWorkbooks(db, { prefixes: caller.logPrefixes, after, limit: limit + 1 });
      const page = workbooks.slice(0, limit);
      return { workbooks: page.map(bodyOf), ...(workbooks.length > limit ? { next: page.at(-1)?.id } : {}) };
    },
  });

  app.route({
    method: 'GET',
    url: '/workbooks/:workbookId',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.workbooks],
      summary: 'Inspect a workbook',
      params: WorkbookParams,
      response: { 200: WorkbookBody, ...problems(404) },
    },
    async handler(request) {
      const { workbookId: id } = request.params;
      requireLog(request, `${id}.`);
      return bodyOf(await readWorkbook(db, id));
    },
  });

  app.route({
    method: 'POST',
    url: '/workbooks/:workbookId/download',
    config: { access: 'jobs' },
    schema: {
      tags: [TAGS.workbooks],
      summary: 'Download the records of a workbook anew',
      description: 'One at a time for each workbook: while one waits or runs, that one is the answer.',
      params: WorkbookParams,
      body: z.strictObject({ tableIds: z.array(tableId).min(1).max(50).optional(), metadata: Metadata }),
      response: {
        200: z.object({ job: JobLink }).describe('Jobs run where they are enqueued here: its records are there'),
        202: z.object({ job: JobLink }),
        ...problems(404),
      },
    },
    async handler(request, reply) {
      const { workbookId: id } = request.params;
      requireLog(request, `${id}.`);
      const { tableIds, metadata } = request.body;
      const job = await tidemark.enqueueDownloadRecordsJob({
        workbookId: id,
        actor: actorOf(request.caller),
        ...(tableIds ? { tableIds } : {}),
        ...(metadata ? { metadata } : {}),
      });
      return reply
        .code((await isDoneHere(tidemark, job)) ? 200 : 202)
        .header('location', linkTo(job).href)
        .send({ job: linkTo(job) });
    },
  });
}

function bodyOf({ createdAt, tables, ...workbook }: Workbook): z.input<typeof WorkbookBody> {
  return {
    ...workbook,
    createdAt: createdAt.toISOString(),
    tables: tables.map(({ downloadedAt, ...table }) => ({
      ...table,
      ...(downloadedAt ? { downloadedAt: downloadedAt.toISOString() } : {}),
    })),
  };
}
