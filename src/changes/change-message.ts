/**
 * A change of one row, as its worker gets it. The words are Debezium's: op, before, after, source.
 */

/**
 * The value of a column that an update has left alone and that Postgres has not written again (it is large, and kept apart by TOAST). Compare with `===`.
 * Where the table's replica identity is full, the value itself is there.
 */
export const Unchanged: unique symbol = Symbol.for('tidemark.unchanged');

/** c: inserted, u: updated, d: deleted, r: was there when reading began, t: the table was truncated. */
export type ChangeOp = 'c' | 'u' | 'd' | 'r' | 't';

export interface ChangeSource {
  schema: string;
  table: string;
  /** Where in the write-ahead log the change is: '0/16B3748'. Of an 'r': as of when the row was read. */
  lsn: string;
  /** Of the transaction, modulo 2^32; null for an 'r'. */
  txId: number | null;
  /** When the transaction was committed; of an 'r' when the row was read. */
  ts: Date;
}

/** A row with its columns. Where a column may be large, `typeof Unchanged` stands for a value that is as it was. */
// biome-ignore lint/suspicious/noExplicitAny: as the table has them
export type ChangedRow = Record<string, any>;

interface ChangeOf<OpT extends ChangeOp, BeforeT, AfterT> {
  op: OpT;
  /** The columns of the primary key, or of what else the replica identity says; empty for a truncation. */
  key: ChangedRow;
  before: BeforeT;
  after: AfterT;
  source: ChangeSource;
}

/**
 * `before` is what Postgres has written of the row as it was: all of it where the replica identity is full; else its key, for a deletion or where the key has
 * changed; else null. timestamptz and timestamp (read as UTC) are Dates, json is its value, bytea a Uint8Array, bigint and numeric are text.
 */
export type ChangeMessage<RowT extends ChangedRow = ChangedRow> =
  | ChangeOf<'c' | 'r', null, RowT>
  | ChangeOf<'u', Partial<RowT> | null, RowT>
  | ChangeOf<'d', Partial<RowT>, null>
  | ChangeOf<'t', null, null>;
