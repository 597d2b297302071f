/** A workbook: a named set of tables. What it may be is checked before anything is written. */
import { z } from 'zod';
import { describeIssues } from '../describe-issues.ts';
import { InvalidInputError } from '../errors.ts';
import type { Sources } from './sources.ts';

export interface WorkbookSource {
  readonly kind: string;
  readonly [option: string]: unknown;
}

export interface WorkbookTable {
  /** Within its workbook. */
  id: string;
  source: WorkbookSource;
  /** Names of those to take, in this order; absent: all. */
  columns?: string[];
  /** The sheet that its records are in: the id of a log. Absent: nothing has been downloaded yet. */
  sheet?: string;
  /** Of that sheet. */
  records?: number;
  downloadedAt?: Date;
}

export interface Workbook {
  id: string;
  title?: string;
  /** Who created it. */
  actor?: string;
  createdAt: Date;
  tables: WorkbookTable[];
}

export interface NewTable {
  /** `[a-z0-9][a-z0-9_-]{0,39}` */
  id: string;
  /** Its `kind` and what that kind needs. No secrets: names of environment variables of the workers, TIDEMARK_SECRET_… and TIDEMARK_CONNECTION_…. */
  source: WorkbookSource;
  /** Default: all. */
  columns?: readonly string[] | undefined;
}

export interface NewWorkbook {
  /** `[a-z0-9][a-z0-9-]{0,39}`; its sheets are logs whose ids begin with it and a dot. Default: one of its own. */
  id?: string | undefined;
  title?: string | undefined;
  /** 1 to 50. */
  tables: readonly NewTable[];
  /** Who creates it. */
  actor?: string | undefined;
}

const MAX_TABLES = 50;
/** Both, as JSON, are the result of a step. */
const MAX_SOURCE_BYTES = 60_000;
const MAX_COLUMNS_BYTES = 150_000;

export const workbookId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "use 1 to 40 of a-z, 0-9 and '-', beginning with a letter or digit");
export const tableId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, "use 1 to 40 of a-z, 0-9, '_' and '-', beginning with a letter or digit");
const text = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\0\p{Surrogate}]*$/u, 'leave out NUL and halves of characters');

/** The shape; what a source needs says its kind. */
export const newWorkbook = z.strictObject({
  id: workbookId.optional(),
  title: text(200).optional(),
  tables: z
    .array(
      z.strictObject({
        id: tableId,
        source: z.looseObject({ kind: z.string().max(40) }),
        columns: z.array(text(1_000)).min(1).max(10_000).optional(),
      }),
    )
    .min(1)
    .max(MAX_TABLES),
});

/** @throws InvalidInputError saying where */
export function checkWorkbook({ actor, ...workbook }: NewWorkbook, sources: Sources): NewWorkbook {
  const parsed = newWorkbook.safeParse(workbook);
  if (!parsed.success) {
    throw new InvalidInputError(`This workbook cannot be: ${describeIssues(parsed.error)}.`);
  }
  const { tables } = parsed.data;
  tables.forEach(({ id, source, columns = [] }, index) => {
    if (tables.findIndex((table) => table.id === id) !== index) {
      throw new InvalidInputError(`Two tables of this workbook have the id '${id}'. Give each one of its own.`);
    }
    const twice = columns.find((column, place) => columns.indexOf(column) !== place);
    if (twice !== undefined) {
      throw new InvalidInputError(`Table '${id}' names its column '${twice.slice(0, 60)}' twice. Name it once.`);
    }
    sources.check(id, source);
    if (Buffer.byteLength(JSON.stringify(source)) > MAX_SOURCE_BYTES) {
      throw new InvalidInputError(`The source of table '${id}' takes more than ${MAX_SOURCE_BYTES} bytes of JSON. Shorten it.`);
    }
    if (Buffer.byteLength(JSON.stringify(columns)) > MAX_COLUMNS_BYTES) {
      throw new InvalidInputError(
        `The names of columns of table '${id}' take more than ${MAX_COLUMNS_BYTES} bytes of JSON. Name fewer, or none: then it has all.`,
      );
    }
  });
  return { ...parsed.data, ...(actor === undefined ? {} : { actor }) };
}
