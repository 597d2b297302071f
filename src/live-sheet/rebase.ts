/** Edits against what others have written meanwhile: which entries are our own, and which cells are in dispute. */
import { CellConflictError, type ConflictingCell, type TidemarkError } from '../errors.ts';
import { cellName } from '../spreadsheet/a1.ts';
import { type Cell, shown } from '../spreadsheet/cell.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import { TILE_COLUMNS, TILE_ROWS } from '../spreadsheet/tile.ts';
import { writesOf } from './content.ts';
import type { Edit } from './edit-queue.ts';
import { cellsOfPatch, findInPatch, type Patch } from './patch.ts';
import { placeOf } from './tile-map.ts';

type Writes = ReadonlyMap<number, Patch>;

/**
 * How many of `entries` are our own edits, which were sent to this very place without an answer.
 *
 * They are known by what they write. An append takes effect at the sequence id it names or nowhere, so entries there that write what ours
 * would have written are ours; if somebody else has happened to write exactly that in that place, the log is as it would be with ours.
 */
export function countOwn(entries: readonly SheetEntry[], sent: readonly Edit[]): number {
  const different = sent.findIndex(({ entry: ours, writes }, index) => {
    const entry = entries[index];
    return entry === undefined || entry.type !== ours.type || !isSameWrites(writes, writesOf([entry]));
  });
  return different < 0 ? sent.length : different;
}

function isSameWrites(one: Writes, other: Writes): boolean {
  return one.size === other.size && [...one].every(([key, patch]) => isSamePatch(patch, other.get(key)));
}

function isSamePatch(one: Patch, other: Patch = []): boolean {
  const [cells, others] = [[...cellsOfPatch(one)], [...cellsOfPatch(other)]];
  return cells.length === others.length && cells.every(([position, cell]) => isSameCell(cell, findInPatch(other, position)));
}

export function isSameCell(one: Cell | undefined, other: Cell | undefined): boolean {
  if (one === undefined || other === undefined) {
    return one === other;
  }
  return one.format === other.format && plain(one.value) === plain(other.value);
}

function plain(value: Cell['value']): unknown {
  return typeof value === 'object' && value !== null ? `${value.type} ${value.value}` : value;
}

/**
 * Edits of which others have written a cell too, and otherwise than the edit does.
 * @param theirsAt what they have written there: 'none' where they have written nothing
 */
export function findConflicts(
  edits: readonly Edit[],
  theirsAt: (key: number, position: number) => Cell | undefined | 'none',
): Map<Edit, TidemarkError> {
  const found = new Map<Edit, TidemarkError>();
  for (const edit of edits) {
    const cells: ConflictingCell[] = [];
    for (const [key, patch] of edit.writes) {
      for (const [position, ours] of cellsOfPatch(patch)) {
        const theirs = theirsAt(key, position);
        if (theirs !== 'none' && !isSameCell(theirs, ours)) {
          cells.push({ ...cellAt(key, position), ours, theirs });
        }
      }
    }
    if (cells.length > 0) {
      found.set(edit, new CellConflictError(conflictMessage(cells), cells));
    }
  }
  return found;
}

function cellAt(key: number, position: number): { row: number; column: number } {
  const { row, column } = placeOf(key);
  return { row: row * TILE_ROWS + (position % TILE_ROWS), column: column * TILE_COLUMNS + Math.floor(position / TILE_ROWS) };
}

function conflictMessage(cells: readonly ConflictingCell[]): string {
  const [{ row, column, ours, theirs }] = cells as [ConflictingCell];
  const more = cells.length > 1 ? ` (and ${cells.length - 1} more cells)` : '';
  const now = theirs === undefined ? 'may hold another value' : `holds ${shown(theirs.value)}`;
  return `${cellName(row, column)}${more} was written by somebody else: it ${now}, ${shown(ours.value)} was not saved. Set it again to replace it.`;
}
