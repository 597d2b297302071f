import { LogNotFoundError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import type { Provenance } from '../event-log/provenance.ts';
import type { TypedLog } from '../event-log/typed-log.ts';
import type { CellRange } from '../spreadsheet/cell.ts';
import type { sheet } from '../spreadsheet/sheet.ts';

export interface EraseCellsOptions extends Provenance {
  /** At most 10,000 cells together. */
  ranges: readonly CellRange[];
  /** Kept in the log, for whoever reads it: at most 500 characters. */
  reason?: string | undefined;
}

export interface EraseCellsValue {
  /** Of the entry that asks for it: values that were written before it are erased. */
  sequenceId: SequenceId;
  /** The unit of work; once it is done, the values are gone. */
  workId: string;
}

type SheetHandle = Pick<TypedLog<Parameters<typeof sheet.apply>[1], ReturnType<typeof sheet.initial>>, 'id' | 'exists' | 'append'>;

/**
 * Erases the values of cells: at once for everybody who reads the sheet, and by a worker from its entries, history and snapshots for good.
 * @example await eraseCells(tidemark.log(sheet, 'flights'), { ranges: [{ row: 6, column: 1, rowCount: 1, columnCount: 1 }], reason: 'request 17' })
 * @throws LogNotFoundError, InvalidInputError
 */
export async function eraseCells(log: SheetHandle, { ranges, reason, ...provenance }: EraseCellsOptions): Promise<EraseCellsValue> {
  if (!(await log.exists())) {
    throw new LogNotFoundError(log.id);
  }
  const entry = { type: 'EraseCells' as const, ranges: [...ranges], ...(reason === undefined ? {} : { reason }) };
  const { sequenceId } = await log.append(entry, { ...provenance, expect: 'any', pending: 'erase' });
  return { sequenceId, workId: `erase/${log.id}/${sequenceId}` };
}
