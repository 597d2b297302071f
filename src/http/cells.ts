/** Cells of sheets: counts, ranges as JSON and CSV, now and at an earlier moment, and what was written to one cell. */
import { z } from 'zod';
import { parseSequenceId } from '../event-log/sequence-id.ts';
import { rangeName } from '../spreadsheet/a1.ts';
import { CELL_ERROR_VALUES, type Cell, type CellValue } from '../spreadsheet/cell.ts';
import { readCellWrites } from '../spreadsheet/cell-writes.ts';
import { csvField } from '../spreadsheet/csv-field.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import { CellText, cellOf, RangeText, rangeOf } from './cell-places.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { problems } from './problem.ts';
import { LogId, LogParams, pageSize, SequenceIdText, TAGS, Timestamp } from './schemas.ts';
import type { SheetReader } from './sheet-reader.ts';

/** Of one answer: some megabytes. */
const MAX_CELLS = 100_000;

export const At = SequenceIdText.optional().describe('As the sheet was before this entry; default: now');

export const EscapeFormulas = z
  .enum(['true', 'false'])
  .default('false')
  .describe('In CSV, an apostrophe before text that a spreadsheet program would run as a formula');

const Value = z
  .union([z.string(), z.number(), z.boolean(), z.null(), z.object({ type: z.literal('CellError'), value: z.enum(CELL_ERROR_VALUES) })])
  .meta({ id: 'CellValue' });
const Format = z.string().optional().describe("Number-format code, for example '0.00' or 'yyyy-mm-dd'");
const CellBody = z.object({ value: Value, format: Format }).meta({ id: 'Cell' });
const CellsBody = z
  .object({
    range: z.string().describe("As 'A1:C10'"),
    sequenceId: SequenceIdText.describe('The cells are those before this entry'),
    rows: z.array(z.array(CellBody.nullable())).describe('One array per row; null for an empty cell'),
  })
  .meta({ id: 'Cells' });
const SheetBody = z
  .object({
    rows: z.int().describe('Rows up to the last one that holds a cell'),
    columns: z.int(),
    cells: z.int().describe('How many cells hold a value'),
    sequenceId: SequenceIdText,
  })
  .meta({ id: 'Sheet' });
const CellWriteBody = z
  .object({
    sequenceId: SequenceIdText.describe('Of the entry'),
    type: z.string().describe('Of the entry'),
    value: Value.describe('null: the cell was emptied'),
    format: Format,
    actor: z.string().optional(),
    committedAt: Timestamp.optional().describe('Absent where the log did not know'),
  })
  .meta({ id: 'CellWrite' });

export function cellRoutes(app: HttpApp, { tidemark, db }: HttpContext, sheets: SheetReader): void {
  app.route({
    method: 'GET',
    url: '/logs/:logId/sheet',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.sheets],
      summary: 'Count rows, columns and cells of a sheet',
      params: LogParams,
      querystring: z.object({ at: At }),
      response: { 200: SheetBody, ...problems(404, 410, 416) },
    },
    handler: ({ params: { logId }, query: { at } }) =>
      sheets.read(logId, at === undefined ? undefined : parseSequenceId(at), async (view) => {
        const sequenceId = String(view.sequenceId);
        const { rowCount, columnCount, cellCount } = await view.counts();
        return { rows: rowCount, columns: columnCount, cells: cellCount, sequenceId };
      }),
  });

  app.route({
    method: 'GET',
    url: '/logs/:logId/cells',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.sheets],
      summary: 'Read a range of cells',
      description: `At most ${MAX_CELLS} cells, the empty ones included. CSV is written as an export writes it; \`tidemark-sequence-id\` names its moment.`,
      params: LogParams,
      querystring: z.object({
        range: RangeText,
        at: At,
        format: z.enum(['json', 'csv']).optional().describe('Default: what Accept says, else json'),
        escapeFormulas: EscapeFormulas,
      }),
      response: {
        200: { description: 'The cells', content: { 'application/json': { schema: CellsBody }, 'text/csv': { schema: z.string() } } },
        ...problems(404, 410, 416),
      },
    },
    async handler({ params: { logId }, query: { range: text, at, format, escapeFormulas }, headers: { accept } }, reply) {
      const range = rangeOf(text, MAX_CELLS);
      const { cells, sequenceId } = await sheets.read(logId, at === undefined ? undefined : parseSequenceId(at), async (view) => ({
        sequenceId: String(view.sequenceId),
        cells: await view.getRange(range),
      }));
      reply.header('vary', 'accept').header('tidemark-sequence-id', sequenceId);
      if (format === 'csv' || (format === undefined && prefersCsv(accept))) {
        return reply
          .type('text/csv; charset=utf-8')
          .serializer(asIs)
          .send(csvOf(cells, escapeFormulas === 'true'));
      }
      // Checked against its schema, cell by cell, it would take ten times as long.
      return reply
        .type('application/json')
        .serializer(JSON.stringify)
        .send({ range: rangeName(range), sequenceId, rows: cells.map(rowBody) });
    },
  });

  app.route({
    method: 'GET',
    url: '/logs/:logId/cells/:cell/history',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.sheets],
      summary: 'List what was written to a cell, newest first',
      description:
        'Archived entries too. A long log is looked through for about a second per call: an answer may hold few writes, or none, and a `next` to go on with.',
      params: z.object({ logId: LogId, cell: CellText }),
      querystring: z.object({
        limit: pageSize(100, 20),
        before: SequenceIdText.optional().describe('The `next` of the answer before'),
      }),
      response: { 200: z.object({ writes: z.array(CellWriteBody), next: SequenceIdText.optional() }), ...problems(404) },
    },
    async handler({ params: { logId, cell }, query: { limit, before } }) {
      const place = cellOf(cell);
      await sheets.check(logId);
      const { eventLog, blobs } = tidemark.log(sheet, logId);
      const { writes, next } = await readCellWrites({
        ...{ db, logId, blobs, limit, ...place, cache: tidemark.cache },
        log: eventLog,
        before: before === undefined ? undefined : parseSequenceId(before),
      });
      return {
        writes: writes.map((write) => ({ ...write, sequenceId: String(write.sequenceId) })),
        ...(next === undefined ? {} : { next: String(next) }),
      };
    },
  });
}

function prefersCsv(accept = ''): boolean {
  const types = accept.toLowerCase().split(',');
  const place = (type: string) => types.findIndex((one) => one.trim().startsWith(type));
  return place('text/csv') >= 0 && (place('application/json') < 0 || place('text/csv') < place('application/json'));
}

function csvOf(cells: readonly (readonly Cell[])[], escapeFormulas: boolean): string {
  return cells.map((row) => `${row.map((cell) => csvField(cell, { delimiter: ',', escapeFormulas })).join(',')}\n`).join('');
}

function rowBody(cells: readonly Cell[]): ({ value: CellValue; format?: string } | null)[] {
  return cells.map((cell) => (cell.value === null ? null : cell));
}

function asIs(payload: unknown): string {
  return payload as string;
}
