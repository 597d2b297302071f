/** Logs: create, list, inspect. */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { createLogOfType } from '../event-log/create-log.ts';
import { describeLog } from '../event-log/describe-log.ts';
import { listLogs } from '../event-log/list-logs.ts';
import type { AnyLogType } from '../event-log/log-type.ts';
import { type LogInfo, readLog } from '../event-log/read-log.ts';
import type { Registry } from '../registry.ts';
import { requireLog } from './access.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { problems } from './problem.ts';
import { LogId, LogParams, pageSize, SequenceIdText, Snapshot, snapshotBody, TAGS, Timestamp } from './schemas.ts';

export const LogBody = z
  .object({
    id: LogId,
    type: z.string().describe('Name of its log type; a sheet is of type `sheet`'),
    typeVersion: z.int(),
    firstSequenceId: SequenceIdText.describe('The first entry held; older ones are in the history, or gone'),
    nextSequenceId: SequenceIdText.describe('That of the next entry'),
    snapshotEvery: z.int().optional(),
    compactEvery: z.int().optional(),
    createdAt: Timestamp,
  })
  .meta({ id: 'Log' });

export const LogDetails = LogBody.extend({
  lastSnapshot: Snapshot.optional(),
  lastHistory: Snapshot.optional().describe('The newest entry with a history, from which all entries before it can be read'),
  pending: z.int().describe('Entries whose work is not done'),
}).meta({ id: 'LogDetails' });

export function logRoutes(app: HttpApp, { tidemark, db }: HttpContext): void {
  app.route({
    method: 'GET',
    url: '/logs',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.logs],
      summary: 'List logs by id',
      querystring: z.object({
        type: z.string().max(100).optional(),
        prefix: z.string().max(100).optional().describe('Only ids that begin with it'),
        after: z.string().max(100).optional().describe('The `next` of the page before'),
        limit: pageSize(1_000, 100),
      }),
      response: { 200: z.object({ logs: z.array(LogBody), next: z.string().optional() }), ...problems() },
    },
    async handler({ query: { type, prefix, after, limit }, caller }) {
      const prefixes = prefix === undefined ? caller.logPrefixes : within(prefix, caller.logPrefixes);
      const logs = await listLogs(db, { type, prefixes, after, limit: limit + 1 });
      const page = logs.slice(0, limit);
      return { logs: page.map(bodyOf), ...(logs.length > limit ? { next: page.at(-1)?.id } : {}) };
    },
  });

  app.route({
    method: 'POST',
    url: '/logs',
    config: { access: 'write' },
    schema: {
      tags: [TAGS.logs],
      summary: 'Create an empty log',
      body: z.object({ id: LogId, type: z.string().max(100).default('sheet') }),
      response: { 200: LogBody.describe('It was there already'), 201: LogBody, ...problems() },
    },
    async handler(request, reply) {
      const { id, type } = request.body;
      requireLog(request, id);
      const outcome = await createLogOfType(tidemark.db, logTypeNamed(tidemark.registry, type), { id, schema: tidemark.schema });
      return reply.code(outcome === 'created' ? 201 : 200).send(bodyOf(await readLog(db, id)));
    },
  });

  app.route({
    method: 'GET',
    url: '/logs/:logId',
    config: { access: 'read' },
    schema: { tags: [TAGS.logs], summary: 'Inspect a log', params: LogParams, response: { 200: LogDetails, ...problems(404) } },
    async handler({ params: { logId } }) {
      const { lastSnapshot, lastHistory, pending, ...log } = await describeLog(db, logId);
      return {
        ...bodyOf(log),
        ...(lastSnapshot ? { lastSnapshot: snapshotBody(lastSnapshot) } : {}),
        ...(lastHistory ? { lastHistory: snapshotBody(lastHistory) } : {}),
        pending,
      };
    },
  });
}

function bodyOf({ id, type, typeVersion, snapshotEvery, compactEvery, ...log }: LogInfo): z.input<typeof LogBody> {
  return {
    id,
    type,
    typeVersion,
    firstSequenceId: String(log.firstSequenceId),
    nextSequenceId: String(log.nextSequenceId),
    ...(snapshotEvery === undefined ? {} : { snapshotEvery }),
    ...(compactEvery === undefined ? {} : { compactEvery }),
    createdAt: log.createdAt.toISOString(),
  };
}

/** @throws InvalidInputError */
export function logTypeNamed({ logTypes }: Registry, type: string): AnyLogType {
  const logType = logTypes.get(type);
  if (logType === undefined) {
    throw new InvalidInputError(
      `This server does not know the log type '${type.slice(0, 100)}'. It knows ${[...logTypes.keys()].join(', ')}.`,
    );
  }
  return logType;
}

/** The prefixes that are both asked for and allowed. */
function within(prefix: string, allowed: readonly string[] | undefined): readonly string[] {
  return allowed === undefined
    ? [prefix]
    : [...new Set(allowed.flatMap((one) => (prefix.startsWith(one) ? [prefix] : one.startsWith(prefix) ? [one] : [])))];
}
