/** What clients may know of and not do: blobs are written, and metadata is set, by the work that the server decides on. */
import type { HTTPMethods } from 'fastify';
import { z } from 'zod';
import { NotExposedError } from '../errors.ts';
import type { HttpApp } from './http-context.ts';
import { problems } from './problem.ts';
import { LogId, SequenceIdText, TAGS } from './schemas.ts';

const BlobParams = z.object({ logId: LogId, name: z.string() });
const EntryParams = z.object({ logId: LogId, sequenceId: SequenceIdText });

const ROUTES: { method: HTTPMethods; url: string; what: string; tag: string; params: z.ZodType }[] = [
  { method: 'PUT', url: '/logs/:logId/blobs/:name', what: 'Writing a blob', tag: TAGS.blobs, params: BlobParams },
  { method: 'DELETE', url: '/logs/:logId/blobs/:name', what: 'Removing a blob', tag: TAGS.blobs, params: BlobParams },
  { method: 'PATCH', url: '/logs/:logId/entries/:sequenceId', what: 'Setting metadata', tag: TAGS.logs, params: EntryParams },
  { method: 'POST', url: '/logs/:logId/entries/:sequenceId/complete', what: 'Completing a workflow', tag: TAGS.logs, params: EntryParams },
  { method: 'POST', url: '/logs/:logId/truncate', what: 'Truncating a log', tag: TAGS.logs, params: z.object({ logId: LogId }) },
];

/** Refused to everybody who is known, before anything of the request is read. */
export function notExposedRoutes(app: HttpApp): void {
  const { 400: _, ...response } = problems();
  for (const { method, url, what, tag, params } of ROUTES) {
    app.route({
      method,
      url,
      config: { access: 'caller' },
      schema: { tags: [tag], summary: `${what}: not offered`, params, response },
      onRequest: async () => {
        throw new NotExposedError(what);
      },
      handler: () => undefined as never,
    });
  }
}
