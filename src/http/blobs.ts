/**
 * Blobs of a log, as they are stored. A blob that a snapshot or a history names never changes, so whoever has it need never ask again. Names
 * are checked by the store; a blob in a directory is named by its path, the slashes percent-encoded.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { BlobDir } from '../blob-store/blob-store.ts';
import { blobsOfLog } from '../blob-store/blobs-of-log.ts';
import { missingBlobStore } from '../blob-store/missing-blob-store.ts';
import { readLog } from '../event-log/read-log.ts';
import { parseByteRange, RangeNotSatisfiableError } from './byte-range.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { problems } from './problem.ts';
import { LogId, LogParams, TAGS } from './schemas.ts';

const BlobParams = z.object({
  logId: LogId,
  name: z.string().describe('As snapshots and histories name it').meta({ example: 'snapshot-100' }),
});

const BlobNames = z
  .object({ blobs: z.array(z.string()), dirs: z.array(z.string()), continuation: z.string().optional() })
  .meta({ id: 'BlobNames', description: 'A page of a directory; the next one is asked for with `continuation`' });

const OCTETS = 'application/octet-stream';
const IMMUTABLE = 'private, max-age=31536000, immutable';
const Octets = { description: 'The blob', content: { [OCTETS]: { schema: z.string().meta({ format: 'binary' }) } } };

export function blobRoutes(app: HttpApp, { tidemark: { blobs = missingBlobStore }, db }: HttpContext): void {
  async function directoryOf(logId: string, path: readonly string[]): Promise<BlobDir> {
    let directory = await blobsOfLog(blobs, logId);
    for (const name of path) {
      directory = await directory.getDir(name);
    }
    return directory;
  }

  app.route({
    method: 'GET',
    url: '/logs/:logId/blobs',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.blobs],
      summary: 'List the blobs of a log',
      params: LogParams,
      querystring: z.object({
        continuation: z.string().max(2_000).optional().describe('Of the page before'),
        dir: z.string().max(1_000).optional().describe('A directory below that of the log'),
      }),
      response: { 200: BlobNames, ...problems(404, 409) },
    },
    async handler({ params: { logId }, query: { continuation, dir } }) {
      // A directory is there by what is in it, a log by its row.
      await readLog(db, logId);
      return (await directoryOf(logId, dir === undefined ? [] : dir.split('/'))).query(continuation);
    },
  });

  app.route({
    method: 'GET',
    url: '/logs/:logId/blobs/:name',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.blobs],
      summary: 'Read a blob',
      params: BlobParams,
      response: {
        200: Octets,
        206: { ...Octets, description: 'The part that `Range` asks for' },
        304: z.undefined().describe('What `If-None-Match` names is what is here'),
        ...problems(404, 409, 416),
      },
    },
    async handler(request, reply) {
      const { logId, name } = request.params;
      const etag = `"${encodeURIComponent(name)}"`;
      reply.header('etag', etag).header('cache-control', IMMUTABLE).header('accept-ranges', 'bytes');
      const path = name.split('/');
      try {
        const content = await (await directoryOf(logId, path.slice(0, -1))).readBlob(path.at(-1) as string);
        // Only now: a blob that was erased or collected is gone, also for those who still have it.
        if (tagsIn(request.headers['if-none-match']).includes(etag)) {
          return reply.code(304).send();
        }
        return sendBytes(request, reply, content, etag);
      } catch (error) {
        reply.removeHeader('etag').header('cache-control', 'no-store');
        if (error instanceof RangeNotSatisfiableError) {
          reply.header('content-range', `bytes */${error.length}`);
        }
        throw error;
      }
    },
  });
}

function sendBytes({ headers }: Pick<FastifyRequest, 'headers'>, reply: unknown, content: Uint8Array, etag: string): FastifyReply {
  const answer = (reply as FastifyReply).type(OCTETS);
  const whole = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const isOfThis = headers['if-range'] === undefined || headers['if-range'] === etag;
  const range = isOfThis ? parseByteRange(headers.range, whole.length) : undefined;
  if (range === undefined) {
    return answer.send(whole);
  }
  return answer
    .code(206)
    .header('content-range', `bytes ${range.start}-${range.end - 1}/${whole.length}`)
    .send(whole.subarray(range.start, range.end));
}

/** Weak ones match too: that is how If-None-Match compares. */
function tagsIn(header: string | undefined): string[] {
  return header === undefined ? [] : header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
}
