import type { SequenceId } from '../event-log/event-log.ts';
import { type Segment, storedEntriesIn } from '../history/segment.ts';
import { type CellRange, type CellValue, ERASED } from './cell.ts';
import type { CellWrite } from './cell-writes.ts';
import type { SheetEntry } from './entries.ts';

/** Newest first, of the entries before `before`. @returns also from where on the segment was looked through */
export function archivedWritesIn(
  segment: Segment,
  before: SequenceId,
  { row, column, limit }: { row: number; column: number; limit: number },
): { writes: CellWrite[]; position: SequenceId } {
  const writes: CellWrite[] = [];
  const entries = storedEntriesIn(segment);
  let position = before;
  while (position > segment.start && writes.length < limit) {
    position -= 1n;
    const { type, data, actor, committedAt } = entries[Number(position - segment.start)] as (typeof entries)[number];
    const write = writeOf({ type, ...JSON.parse(data) }, row, column);
    if (write !== undefined) {
      writes.push({ sequenceId: position, type, ...write, actor, committedAt });
    }
  }
  return { writes, position };
}

/** The same in SQL: held-cell-writes.ts. */
function writeOf(entry: SheetEntry, row: number, column: number): { value: CellValue; format?: string | undefined } | undefined {
  switch (entry.type) {
    case 'SetCellValueAndFormat':
      return entry.row === row && entry.column === column ? written(entry.value, entry.format) : undefined;
    case 'SetCellRange': {
      const value = entry.values[row - entry.row]?.[column - entry.column];
      return value === undefined ? undefined : written(value, entry.format);
    }
    case 'EraseCells':
      return entry.ranges.some((range) => isInside(range, row, column)) ? { value: ERASED } : undefined;
    default:
      return undefined;
  }
}

/** An empty cell has no format. */
function written(value: CellValue, format: string | undefined): { value: CellValue; format?: string | undefined } {
  return { value, ...(format === undefined || value === null ? {} : { format }) };
}

function isInside(range: CellRange, row: number, column: number): boolean {
  return row >= range.row && row < range.row + range.rowCount && column >= range.column && column < range.column + range.columnCount;
}
