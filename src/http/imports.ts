/**
 * A file into a sheet, by upload. CSV is read as it comes; an XLSX file, whose directory is at its end, is put on the disk first and removed whatever happens.
 *
 * Rows are appended while the rest is on its way, in whole entries: where the upload breaks off, or the file is wrong further on, those rows stay, and the same
 * upload under the same name goes on after them. Nothing else is left behind.
 */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { errorMessage, InvalidInputError, TidemarkError } from '../errors.ts';
import { parseColumnNames } from '../spreadsheet/a1.ts';
import { importCsv } from '../spreadsheet/import-csv.ts';
import type { ImportOptions, ImportValue } from '../spreadsheet/import-rows.ts';
import { type ImportXlsxValue, importXlsx } from '../spreadsheet/import-xlsx.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import { sheetToBe } from '../spreadsheet/sheet-to-be.ts';
import { limitKey } from './access.ts';
import { fewAtOnce } from './few-at-once.ts';
import { CSV_TYPE, OTHER_TYPES, XLSX_TYPE } from './file-types.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { lingerAfter } from './linger.ts';
import { problems } from './problem.ts';
import { LogParams, SequenceIdText, TAGS } from './schemas.ts';
import { checkUpload, type Upload, uploadOf } from './upload.ts';
import { withUploadedFile } from './uploaded-file.ts';

const MAX_AT_ONCE = 4;
const UPLOAD_LIMIT_BYTES = 512 * 2 ** 20;
const UPLOAD_TIMEOUT_MS = 30 * 60_000;

const ImportBody = z
  .object({
    name: z.string().describe('Of the import within the sheet'),
    worksheet: z.string().optional(),
    rows: z.int().describe('Of the file; all are in the sheet'),
    rowsBefore: z.int().describe('That were in the sheet before, from an earlier upload of this name'),
    entries: z.int().describe('Appended by this upload'),
    sequenceId: SequenceIdText.describe('Where the log ended after the last of them'),
    cells: z
      .object({
        numbers: z.int(),
        dates: z.int(),
        booleans: z.int(),
        texts: z.int(),
        errors: z.int(),
        formulas: z.int().describe('Whose last value was taken'),
        emptyFormulas: z.int().describe('Without a value in the file: no cells'),
        mergedAreas: z.int(),
      })
      .describe('What the cells became'),
    notes: z
      .array(z.object({ column: z.string(), reason: z.string(), count: z.int(), example: z.string() }))
      .describe('Columns with text that looks like something else'),
  })
  .meta({ id: 'ImportReport' });

const ImportQuery = z.object({
  format: z.enum(['csv', 'xlsx']).optional().describe('Default: what Content-Type says, or the end of `name`'),
  name: z
    .string()
    .min(1)
    .max(140)
    .default('upload')
    .describe(
      "Names the import within the sheet, for example a file's name: an upload of the same name goes on where the last one stopped",
    ),
  delimiter: z
    .string()
    .regex(/^[^"\r\n]$/, 'use one character')
    .default(',')
    .describe('Between the fields of a CSV file'),
  types: z.enum(['on', 'off']).default('on').describe('off: every field of a CSV file is text'),
  text: z
    .string()
    .max(1_000)
    .regex(/^[A-Za-z]{1,5}(,[A-Za-z]{1,5})*$/, 'no column: use letters with commas between them, for example B,D')
    .optional()
    .describe("Columns of a CSV file that stay text: 'B,D'"),
  worksheet: z.string().max(100).optional().describe('Of an XLSX file; default: its first one'),
  rowsPerEntry: z.coerce.number().int().min(1).max(100_000).default(500),
});

export interface UploadOptions {
  /** Most bytes of a file that is uploaded. Default 512 MiB. */
  uploadLimitBytes?: number | undefined;
  /** How long an upload and its import may take, in ms. Default 30 minutes. */
  uploadTimeoutMs?: number | undefined;
}

export function importRoutes(app: HttpApp, { tidemark }: HttpContext, options: UploadOptions): void {
  const { uploadLimitBytes = UPLOAD_LIMIT_BYTES, uploadTimeoutMs = UPLOAD_TIMEOUT_MS } = options;
  const begin = fewAtOnce({ what: 'imports', most: MAX_AT_ONCE });
  const importing = new Set<string>();

  app.register(async (scope: HttpApp) => {
    // The body stays a stream.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser([CSV_TYPE, XLSX_TYPE, ...OTHER_TYPES], (_request, payload, done) => done(null, payload));
    scope.route({
      method: 'POST',
      url: '/logs/:logId/import',
      config: { access: 'write' },
      schema: {
        tags: [TAGS.sheets],
        summary: 'Import a CSV or XLSX file into a sheet',
        description: `The body is the file, CSV also in gzip, of at most ${uploadLimitBytes} bytes. A sheet that is not there is made. One with cells that are not of an import of this \`name\` is refused.`,
        consumes: [CSV_TYPE, XLSX_TYPE, ...OTHER_TYPES],
        params: LogParams,
        querystring: ImportQuery,
        body: z.any().meta({ type: 'string', format: 'binary', description: 'The file' }),
        response: { 201: ImportBody, ...problems(408, 409, 413, 415) },
      },
      async handler(request, reply) {
        const { logId } = request.params;
        const { query, caller } = request;
        lingerAfter(request, reply);
        checkUpload(request, uploadLimitBytes);
        const parameters = {
          ...query,
          format: formatOf(request),
          textColumns: query.text === undefined ? [] : parseColumnNames(query.text),
        };
        if (importing.has(logId)) {
          throw new TidemarkError('import_running', `A file is being imported into sheet '${logId}'. Wait until that is over.`);
        }
        const end = begin(limitKey(request));
        importing.add(logId);
        const upload = uploadOf(request, reply, { limitBytes: uploadLimitBytes, timeoutMs: uploadTimeoutMs });
        let rows = 0;
        try {
          const handle = tidemark.log(sheet, logId);
          const value = await importUpload(upload, parameters, {
            log: await sheetToBe(handle, { actor: caller.actor }),
            blobs: await handle.blobs(),
            cache: tidemark.cache,
            rowsPerEntry: query.rowsPerEntry,
            signal: upload.signal,
            onProgress: (progress) => {
              rows = progress.rows;
            },
          });
          return reply.code(201).send({ name: query.name, ...value, sequenceId: String(value.sequenceId) });
        } catch (error) {
          if (upload.isGone()) {
            request.log.info(
              { logId, rows },
              'an upload has broken off: these rows are in the sheet, and the same upload goes on after them',
            );
            return reply;
          }
          throw howFar(upload.reasonFor(error), rows);
        } finally {
          upload.end();
          importing.delete(logId);
          end();
        }
      },
    });
  });
}

interface Parameters extends z.output<typeof ImportQuery> {
  format: 'csv' | 'xlsx';
  textColumns: readonly number[];
}

function importUpload(upload: Upload, parameters: Parameters, into: ImportOptions): Promise<ImportValue | ImportXlsxValue> {
  const { format, name, delimiter, types, textColumns, worksheet } = parameters;
  if (format === 'xlsx') {
    return withUploadedFile(upload, (file) => importXlsx({ ...into, file, name, worksheet }));
  }
  if (worksheet !== undefined) {
    throw new InvalidInputError(`A CSV file has no worksheets: leave out 'worksheet', or send it as format=xlsx.`);
  }
  return importCsv({ ...into, source: upload.bytes(), name, delimiter, types, textColumns });
}

function formatOf({ query, headers }: Pick<FastifyRequest<{ Querystring: z.output<typeof ImportQuery> }>, 'query' | 'headers'>) {
  const type = headers['content-type'] ?? '';
  return query.format ?? (type.startsWith(XLSX_TYPE) || (!type.startsWith(CSV_TYPE) && /\.xls[xm]$/i.test(query.name)) ? 'xlsx' : 'csv');
}

/** Where the importer has not said it. */
function howFar(error: unknown, rows: number): unknown {
  if (!(error instanceof TidemarkError) || error instanceof InvalidInputError) {
    return error;
  }
  const where = rows === 0 ? 'Nothing was imported.' : `${rows} rows are in the sheet; the same upload goes on after them.`;
  return new TidemarkError(error.code, `${errorMessage(error)} ${where}`, { cause: error, retryable: error.retryable });
}
