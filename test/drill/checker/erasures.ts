/** What erasures mean for what was written before them, by the checker's own reckoning; and that the values are nowhere. */
import type pg from 'pg';
import type { AppendRecord } from './acknowledged.ts';
import type { BlobReader } from './blobs.ts';

interface Range {
  row: number;
  column: number;
  rowCount: number;
  columnCount: number;
}

export interface Erasures {
  /** Data of an entry as they have to be by now. */
  erase(sequenceId: bigint, type: string, data: Record<string, unknown>): Record<string, unknown>;
  /** Looks for what was marked as secret by whoever appended it, and erased since. @returns how many there were */
  findSecrets(records: readonly AppendRecord[], blobs: BlobReader, find: (finding: string) => void): Promise<number>;
}

const ERASED = '[erased]';
const SECRET = /^secret-/;

export async function readErasures(client: pg.Client, logId: string): Promise<Erasures> {
  const { rows } = await client.query(
    `select sequence_id::text as at, data::text as data from tidemark.entries where log_id = $1 and type = 'EraseCells'
     union select sequence_id::text, data::text from drill.removed_entry where log_id = $1 and type = 'EraseCells'`,
    [logId],
  );
  const erasures = rows.map(({ at, data }) => ({ at: BigInt(at), ranges: JSON.parse(data).ranges as Range[] }));

  function erase(sequenceId: bigint, type: string, data: Record<string, unknown>): Record<string, unknown> {
    const ranges = erasures.filter(({ at }) => at > sequenceId).flatMap((erasure) => erasure.ranges);
    if (ranges.length === 0) return data;
    const [top, left] = [data.row as number, data.column as number];
    const valueAt = (value: unknown, down: number, across: number) => {
      const isIn = ({ row, column, rowCount, columnCount }: Range) =>
        top + down >= row && top + down < row + rowCount && left + across >= column && left + across < column + columnCount;
      return value !== null && ranges.some(isIn) ? ERASED : value;
    };
    if (type === 'SetCellValueAndFormat') return { ...data, value: valueAt(data.value, 0, 0) };
    if (type !== 'SetCellRange') return data;
    const values = (data.values as unknown[][]).map((cells, down) => cells.map((value, across) => valueAt(value, down, across)));
    return { ...data, values };
  }

  return {
    erase,
    async findSecrets(records, blobs, find) {
      const secrets = records.flatMap(({ first, entries }) =>
        entries.flatMap(({ type, pending: _, ...data }, index) => {
          const isSecret = typeof data.value === 'string' && SECRET.test(data.value);
          return isSecret && erase(BigInt(first) + BigInt(index), type as string, data).value === ERASED ? [data.value as string] : [];
        }),
      );
      if (secrets.length === 0) return 0;
      for (const [table, id] of [
        ['entries', 'sequence_id'],
        ['work', 'id'],
      ]) {
        const found = await client.query(
          `select t.${id}::text as id, s.secret from tidemark.${table} t join unnest($2::text[]) s (secret) on strpos(t::text, s.secret) > 0
           where t.log_id = $1`,
          [logId, secrets],
        );
        for (const row of found.rows) find(`${row.secret} of log ${logId} was erased, and is in ${table} ${row.id}`);
      }
      for (const { name, text } of await blobs.all()) {
        for (const secret of secrets.filter((value) => text.includes(value))) {
          find(`${secret} of log ${logId} was erased, and is in blob ${name}`);
        }
      }
      return secrets.length;
    },
  };
}
