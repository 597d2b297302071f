/**
 * Entries: read by page, append. A page is passed on as the text that Postgres has stored; an append goes through the log's type and its
 * policies, as one from library code does.
 */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { missingBlobStore } from '../blob-store/missing-blob-store.ts';
import { InvalidInputError } from '../errors.ts';
import type { AppendTypedValue } from '../event-log/append-typed.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import { readLastHistory } from '../event-log/last-history.ts';
import type { PageRange } from '../event-log/page-reader.ts';
import { createEntryTextQuery, type EntriesText } from '../event-log/query-text.ts';
import { readLog } from '../event-log/read-log.ts';
import { parseSequenceId } from '../event-log/sequence-id.ts';
import { queryArchivedText } from '../history/query-archived-text.ts';
import { createSnapshotCache } from '../snapshots/cache.ts';
import type { Authorizer } from './authorizer.ts';
import { AppendBody, Appended, EntriesPage, KnownSnapshot, MAX_PAGE } from './entry-schemas.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { idempotencyHeaders, ownerOfKeys } from './idempotency.ts';
import { logTypeNamed } from './logs.ts';
import { problems } from './problem.ts';
import { LogParams, pageSize, SequenceIdText, snapshotBody, TAGS } from './schemas.ts';

/** No snapshot has this id: any newer one is named. */
const NO_SNAPSHOT: SequenceId = -1n;

const Flag = z.enum(['true', 'false']).default('false');

const EntriesQuery = z.object({
  start: z
    .union([SequenceIdText, z.enum(['start', 'snapshot'])])
    .default('start')
    .describe('`start`: the first entry held; `snapshot`: the newest entry with a snapshot'),
  end: z
    .union([SequenceIdText, z.literal('end')])
    .default('end')
    .describe('Exclusive'),
  snapshotId: KnownSnapshot,
  limit: pageSize(MAX_PAGE, 1_000).describe(`Most entries in the answer, at most ${MAX_PAGE}; large ones are fewer: at most 16 MB`),
  provenance: Flag.describe('Who wrote each entry, when and why'),
  archived: Flag.describe('Entries that a compaction has archived, too; `start` is the first of them'),
});

/** Of archived segments, decoded. */
const CACHE_BYTES = 32 * 1024 * 1024;

export function entryRoutes(app: HttpApp, { tidemark, db }: HttpContext, auth: Authorizer['auth']): void {
  const { blobs = missingBlobStore } = tidemark;
  const cache = createSnapshotCache({ maxBytes: CACHE_BYTES });
  app.route({
    method: 'GET',
    url: '/logs/:logId/entries',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.logs],
      summary: 'Read a page of entries',
      params: LogParams,
      querystring: EntriesQuery,
      response: { 200: EntriesPage, ...problems(404, 416) },
    },
    async handler({ params: { logId }, query }, reply) {
      const options = { logId, pageSize: query.limit, withProvenance: query.provenance === 'true' };
      const range: PageRange = {
        start: query.start === 'start' || query.start === 'snapshot' ? query.start : parseSequenceId(query.start),
        end: query.end === 'end' ? query.end : parseSequenceId(query.end),
        snapshotId: snapshotIdOf(query.snapshotId),
      };
      const readPage = createEntryTextQuery(options);
      const held = (asked: PageRange) => readPage(db, asked);
      const page =
        query.archived === 'true'
          ? await queryArchivedText(
              { ...options, query: held, lastHistory: () => readLastHistory(db, logId), blobs: () => blobsOfLog(blobs, logId), cache },
              range,
            )
          : await held(range);
      return sendText(reply, pageText(page));
    },
  });

  /** Of what was sent with a key, byte by byte. */
  const hashes = new WeakMap<object, string>();

  app.register(async (scope) => {
    // An entry's fields are the application's own, whatever their names: nothing here copies them into an object that has a prototype to lose.
    scope.removeContentTypeParser('application/json');
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, async (request: FastifyRequest, body: string) => {
      if (request.headers['idempotency-key'] !== undefined) {
        hashes.set(request, createHash('sha256').update(`${request.url}\n${body}`).digest('hex'));
      }
      return parseJson(body);
    });
    (scope as unknown as HttpApp).route({
      method: 'POST',
      url: '/logs/:logId/entries',
      config: { access: 'write' },
      schema: {
        tags: [TAGS.logs],
        summary: 'Append entries',
        params: LogParams,
        headers: idempotencyHeaders('24 hours'),
        body: AppendBody,
        response: { 201: Appended, ...problems(404, 409, 413, 415, 422) },
      },
      async handler(request, reply) {
        const { logId } = request.params;
        const { entries, expect, snapshotId } = request.body;
        const { actor } = request.caller;
        const key = request.headers['idempotency-key'];
        const once =
          key === undefined ? {} : { once: { owner: ownerOfKeys(request.caller, auth), key, request: hashes.get(request) ?? '' } };
        const logType = logTypeNamed(tidemark.registry, await typeOf(logId));
        const appended = await tidemark.log(logType, logId).append(entries as never, {
          expect: expect === 'any' ? expect : parseSequenceId(expect),
          snapshotId: snapshotIdOf(snapshotId),
          actor,
          createsLog: false,
          ...once,
        });
        if (appended.isReplayed) {
          reply.header('idempotent-replayed', 'true');
        }
        return reply.code(201).send(appendedBody(appended));
      },
    });
  });

  const types = new Map<string, string>();

  /** A log's type never changes. */
  async function typeOf(logId: string): Promise<string> {
    let type = types.get(logId);
    if (type === undefined) {
      ({ type } = await readLog(db, logId));
      if (types.size >= MAX_TYPES) {
        types.clear();
      }
      types.set(logId, type);
    }
    return type;
  }
}

const MAX_TYPES = 10_000;

function snapshotIdOf(text: string | undefined): SequenceId | undefined {
  return text === undefined ? undefined : text === 'none' ? NO_SNAPSHOT : parseSequenceId(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidInputError('The body is not JSON.', { cause: error });
  }
}

function appendedBody({ sequenceId, nextSequenceId, lastSnapshot }: AppendTypedValue): z.input<typeof Appended> {
  return {
    sequenceId: String(sequenceId),
    nextSequenceId: String(nextSequenceId),
    ...(lastSnapshot ? { lastSnapshot: snapshotBody(lastSnapshot) } : {}),
  };
}

function pageText({ startSequenceId, endSequenceId, isComplete, lastSnapshot, entries, provenance }: EntriesText): string {
  const snapshot = lastSnapshot ? `,"lastSnapshot":${JSON.stringify(snapshotBody(lastSnapshot))}` : '';
  const about = `"startSequenceId":"${startSequenceId}","endSequenceId":"${endSequenceId}","isComplete":${isComplete}${snapshot}`;
  return `{${about},"entries":[${entries.join(',')}]${provenance === undefined ? '' : `,"provenance":${provenance}`}}`;
}

interface TextReply {
  type(contentType: string): TextReply;
  serializer(serialize: (payload: string) => string): TextReply;
  send(payload: string): never;
}

/** JSON that is text already. */
function sendText(reply: unknown, text: string): never {
  return (reply as TextReply)
    .type('application/json; charset=utf-8')
    .serializer((payload) => payload)
    .send(text);
}
