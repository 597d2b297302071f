/**
 * Records of a CSV file over HTTP: UTF-8, also in gzip. A download that goes on reads the file from its beginning and leaves out what it has, after comparing
 * it by a hash of all those records. (An ETag says less: of several machines each may have its own.) Another file in its place is a table that begins anew.
 */

import { createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import { errorMessage, InvalidInputError } from '../../errors.ts';
import type { CsvRecord } from '../../spreadsheet/csv-parser.ts';
import { readCsv } from '../../spreadsheet/read-csv.ts';
import { recogniseField } from '../../spreadsheet/recognise-field.ts';
import { DEFAULT_UNPACK_LIMITS } from '../../spreadsheet/unpack-limits.ts';
import { defineSource, type SourceContext, type SourcePage } from '../define-source.ts';
import { SourceChangedError, SourceRefusedError, SourceUnavailableError } from '../source-errors.ts';
import { credentialsOf, httpOptions } from './http-options.ts';
import { readAgain } from './read-again.ts';

const csvOptions = z.strictObject({
  ...httpOptions,
  delimiter: z
    .string()
    .length(1)
    .regex(/[^"\r\n]/, 'use one character, for example , or ;')
    .default(','),
  /** The first record has the names of the columns. */
  header: z.boolean().default(true),
  /** 'off' leaves every field text; 'on' recognises numbers, booleans and errors where nothing is lost. */
  types: z.enum(['on', 'off']).default('on'),
});

type CsvOptions = z.output<typeof csvOptions>;

interface Place {
  records: number;
  /** Of them all. */
  sha256: string;
}

const PAGE_RECORDS = 1_000;
const LIMITS = { ...DEFAULT_UNPACK_LIMITS, unpackedBytes: 4 * 2 ** 30, advice: 'A source takes no more: let it be smaller' };

export const csvSource = defineSource({
  kind: 'csv',
  options: csvOptions,
  read: (options, context) =>
    readAgain<Place>(
      context,
      (place) => readFrom(place, options, context),
      (place) => `Reading it again from record ${(place?.records ?? 0) + 1} on.`,
    ),
});

async function* readFrom(
  place: Place | undefined,
  options: CsvOptions,
  { http, secret, heartbeat }: SourceContext,
): AsyncGenerator<SourcePage> {
  const url = new URL(options.url);
  const { host } = url;
  const { credentials, parameter } = credentialsOf(options.auth, url, secret);
  if (parameter) url.searchParams.set(parameter.name, parameter.value);
  const { timeoutMs, requestsPerSecond } = options;
  const { bytes } = await http({ timeoutMs, requestsPerSecond }).stream(url, { headers: options.headers, credentials });
  const hash = createHash('sha256');
  let columns: string[] | undefined;
  let page: Record<string, unknown>[] = [];
  let records = 0;
  const cursor = (): Place => ({ records, sha256: hash.copy().digest('hex') });
  const named = host + url.pathname;

  for await (const record of recordsIn(beating(bytes, heartbeat), named, options)) {
    if (isBlank(record) && columns?.length !== 1) continue;
    addTo(hash, record);
    if (columns === undefined && options.header) {
      columns = headerOf(record);
      continue;
    }
    columns ??= record.fields.map((_, index) => `Column ${index + 1}`);
    records += 1;
    if (place !== undefined && records <= place.records) {
      if (records === place.records && cursor().sha256 !== place.sha256) {
        throw new SourceChangedError(`The first ${records} records of the file at ${host} are not those that were read before.`);
      }
      continue;
    }
    page.push(rowOf(record, columns, options));
    if (page.length === PAGE_RECORDS) {
      yield { records: page, columns, cursor: cursor() };
      page = [];
    }
  }
  if (place !== undefined && records < place.records) {
    throw new SourceChangedError(`The file at ${host} has fewer records than were read before.`);
  }
  if (page.length > 0 || place === undefined) {
    yield { records: page, columns, cursor: cursor() };
  }
}

/** Reading what is there already yields nothing, however long it takes. */
async function* beating(bytes: AsyncIterable<Uint8Array>, heartbeat: () => Promise<void>): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    await heartbeat();
    yield piece;
  }
}

/** What is wrong with the file is for somebody to change; one that ends too early has broken off. */
async function* recordsIn(bytes: AsyncIterable<Uint8Array>, name: string, { delimiter }: CsvOptions): AsyncGenerator<CsvRecord> {
  try {
    yield* readCsv(bytes, { name, delimiter, limits: LIMITS });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'Z_BUF_ERROR') {
      throw new SourceUnavailableError(`'${name}' broke off: its gzip data ends too early.`, { cause: error });
    }
    throw new SourceRefusedError(errorMessage(error).replace(' and import it again', ''), { cause: error });
  }
}

/** A line with nothing on it; of a table of one column it is a record. */
const isBlank = ({ fields, quoted }: CsvRecord): boolean => fields.length === 1 && fields[0] === '' && !quoted?.[0];

function addTo(hash: Hash, { fields }: CsvRecord): void {
  hash.update(JSON.stringify(fields));
}

/** No two alike, none empty. */
function headerOf({ fields }: CsvRecord): string[] {
  const taken = new Set<string>();
  return fields.map((field, index) => {
    const wanted = field.trim() === '' ? `Column ${index + 1}` : field;
    const name = freeName(wanted, taken);
    taken.add(name);
    return name;
  });
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count += 1) name = `${wanted} (${count})`;
  return name;
}

function rowOf({ fields, quoted }: CsvRecord, columns: string[], { types }: CsvOptions): Record<string, unknown> {
  for (let index = columns.length; index < fields.length; index += 1) {
    columns.push(freeName(`Column ${index + 1}`, new Set(columns)));
  }
  return Object.fromEntries(
    fields.map((field, index) => [columns[index], types === 'off' || quoted?.[index] ? field || null : recognised(field)]),
  );
}

function recognised(field: string): unknown {
  const value = recogniseField(field);
  // A date stays the text that it is.
  return typeof value === 'object' && value?.type === 'date' ? field : value;
}
