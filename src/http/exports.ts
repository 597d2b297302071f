/**
 * A sheet as a download, CSV or XLSX, written as it is read: some bands of it are in memory, however large it is and however slowly it is taken.
 *
 * It is of one moment. What is refused is answered before the first byte; what fails later breaks the connection off, so that no part is taken for the whole.
 */
import { Readable } from 'node:stream';
import { z } from 'zod';
import { parseSequenceId } from '../event-log/sequence-id.ts';
import type { CellRange } from '../spreadsheet/cell.ts';
import { exportCsv } from '../spreadsheet/export-csv.ts';
import { exportXlsx } from '../spreadsheet/export-xlsx.ts';
import type { Sheet } from '../spreadsheet/open-sheet.ts';
import { limitKey } from './access.ts';
import { RangeText, rangeOf } from './cell-places.ts';
import { At, EscapeFormulas } from './cells.ts';
import { fewAtOnce } from './few-at-once.ts';
import { CSV_TYPE, XLSX_TYPE } from './file-types.ts';
import type { HttpApp } from './http-context.ts';
import { problems } from './problem.ts';
import { untilOver } from './response-over.ts';
import { LogParams, TAGS } from './schemas.ts';
import type { SheetReader } from './sheet-reader.ts';

const MAX_AT_ONCE = 8;
const Bytes = z.any().meta({ type: 'string', format: 'binary' });

export function exportRoutes(app: HttpApp, sheets: SheetReader): void {
  const begin = fewAtOnce({ what: 'exports', most: MAX_AT_ONCE });

  app.route({
    method: 'GET',
    url: '/logs/:logId/export',
    // It would write the whole file, for nobody.
    exposeHeadRoute: false,
    config: { access: 'read' },
    schema: {
      tags: [TAGS.sheets],
      summary: 'Download a sheet as CSV or XLSX',
      description:
        '`tidemark-sequence-id` names the moment that it is of. A sheet without cells is refused: there is nothing to write. An answer that breaks off is not whole.',
      params: LogParams,
      querystring: z.object({
        format: z.enum(['csv', 'xlsx']).default('csv'),
        at: At,
        range: RangeText.optional(),
        delimiter: z.enum([',', ';', '|', '\t']).default(',').describe('Between the fields of a CSV file'),
        escapeFormulas: EscapeFormulas,
      }),
      response: {
        200: { description: 'The file', content: { [CSV_TYPE]: { schema: Bytes }, [XLSX_TYPE]: { schema: Bytes } } },
        ...problems(404, 410, 416),
      },
    },
    async handler(request, reply) {
      const { format, at, range } = request.query;
      const { logId } = request.params;
      const within = range === undefined ? undefined : rangeOf(range);
      const signal = untilOver(request.raw, reply.raw);
      if (signal.aborted) {
        return reply.hijack();
      }
      const end = begin(limitKey(request));
      signal.addEventListener('abort', end);
      try {
        const sheet = await sheets.open(logId, at === undefined ? undefined : parseSequenceId(at), signal);
        const chunks = chunksOf(sheet, logId, { ...request.query, range: within, signal });
        const first = await chunks.next();
        const name = at === undefined ? logId : `${logId}-at-${at}`;
        return reply
          .type(format === 'xlsx' ? XLSX_TYPE : `${CSV_TYPE}; charset=utf-8`)
          .header('content-disposition', `attachment; filename="${name}.${format}"`)
          .header('tidemark-sequence-id', String(sheet.sequenceId))
          .send(Readable.from(allOf(first, chunks), { objectMode: false }));
      } catch (error) {
        if (signal.aborted) {
          return reply.hijack();
        }
        throw error;
      }
    },
  });
}

interface What {
  format: 'csv' | 'xlsx';
  range: CellRange | undefined;
  delimiter: string;
  escapeFormulas: 'true' | 'false';
  signal: AbortSignal;
}

function chunksOf(sheet: Sheet, worksheet: string, { format, range, delimiter, escapeFormulas, signal }: What) {
  return format === 'xlsx'
    ? exportXlsx({ sheet, range, signal, worksheet })
    : exportCsv({ sheet, range, signal, delimiter, escapeFormulas: escapeFormulas === 'true' });
}

async function* allOf(
  first: IteratorResult<Uint8Array, void>,
  rest: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (!first.done) {
      yield first.value;
    }
    yield* rest;
  } finally {
    // Also where nobody has taken the first piece.
    await rest.return();
  }
}
