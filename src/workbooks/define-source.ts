/**
 * A source: where the records of a workbook's table come from. It is read page by page; a page says where to go on after it, so that a download that dies
 * goes on there, in another process.
 */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import type { MessageLogger } from '../messages/message.ts';
import type { SourceHttp, SourceHttpOptions } from './source-http.ts';

export interface SourcePage {
  /** A record is a row of the sheet, its keys are columns. A value that is an object becomes JSON text, null or undefined an empty cell. */
  readonly records: readonly Readonly<Record<string, unknown>>[];
  /** Names of columns in their order. Default: keys as they are met. */
  readonly columns?: readonly string[] | undefined;
  /** Where to go on after this page: JSON, given to `read` again. Null or undefined: it is the last one. */
  readonly cursor: unknown;
  /** Of the whole table, where it is known: for its progress. What is no number of records is left out. */
  readonly total?: number | undefined;
}

export interface SourceContext {
  /** Of the last page that is in the sheet; undefined: from the beginning. */
  readonly cursor: unknown;
  /** Those that the table takes, in its order; undefined: all. Others need not be fetched. */
  readonly columns: readonly string[] | undefined;
  /** Aborted when the download is cancelled or its attempt over. Give it to whatever waits. */
  readonly signal: AbortSignal;
  /** Requests to hosts that the operator allows: retried, with deadlines and limits, a pace where one is asked for. */
  http(options?: SourceHttpOptions): SourceHttp;
  /**
   * Reads an environment variable of the worker, TIDEMARK_SECRET_….
   * @param to the address that it is sent to
   * @throws SourceRefusedError where it is not set, or the operator has not said that it may be sent there (TIDEMARK_SOURCE_SECRETS)
   */
  secret(name: string, to: URL): string;
  /** Reads an environment variable of the worker that says itself where to connect to, TIDEMARK_CONNECTION_…. @throws SourceRefusedError where it is not set */
  connection(name: string): string;
  /** Still at it: for what takes minutes and yields nothing meanwhile. The deadline of the attempt counts from here. Costs little where it is called often. */
  heartbeat(): Promise<void>;
  readonly logger: MessageLogger;
}

export interface SourceDefinition<OptionsT> {
  /** `[a-z][a-z0-9-]{0,39}`: what a table says as its source's `kind`. */
  readonly kind: string;
  /** What a table may say beside `kind`: an object of JSON. No secrets: the name of an environment variable (see `secretName`, `connectionName`). */
  readonly options: z.ZodType<OptionsT>;
  /**
   * Yields the pages after the cursor, and ends after the last one.
   * @throws SourceChangedError where what was read before is not what is there now: the table begins anew
   */
  read(options: OptionsT, context: SourceContext): AsyncIterable<SourcePage>;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever options
export type AnySource = SourceDefinition<any>;

/** @throws InvalidInputError */
export function defineSource<OptionsT>(source: SourceDefinition<OptionsT>): SourceDefinition<OptionsT> {
  const { kind, options, read } = source;
  if (typeof kind !== 'string' || !/^[a-z][a-z0-9-]{0,39}$/.test(kind)) {
    throw new InvalidInputError(
      `'${String(kind).slice(0, 60)}' is not the kind of a source: use 1 to 40 of a-z, 0-9 and '-', beginning with a letter.`,
    );
  }
  if (!(options instanceof z.ZodType) || typeof read !== 'function') {
    throw new InvalidInputError(`Source '${kind}' needs options, a zod schema, and read, a function.`);
  }
  return source;
}

export const SECRET = /^TIDEMARK_SECRET_[A-Z0-9_]{1,80}$/;
export const CONNECTION = /^TIDEMARK_CONNECTION_[A-Z0-9_]{1,80}$/;

/** The name of an environment variable that holds a secret. Others are refused: a source must not be able to ask for any variable of the worker. */
export const secretName = z
  .string()
  .regex(SECRET, 'use the name of an environment variable of the workers that begins with TIDEMARK_SECRET_');

/** The name of one that holds a connection string: never what is sent to a host that a table names. */
export const connectionName = z
  .string()
  .regex(CONNECTION, 'use the name of an environment variable of the workers that begins with TIDEMARK_CONNECTION_');
