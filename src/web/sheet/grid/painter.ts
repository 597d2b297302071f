/**
 * Draws the cells that can be seen, as elements that a screen reader and a browser's own search understand.
 *
 * An element stays with its row and column for as long as these are seen, and nothing is set that is set already: scrolling by a row draws a row,
 * and by less than one moves what is drawn, as a whole.
 */
import { cellName, columnName } from '../../../spreadsheet/a1.ts';
import type { CellRange } from '../../../spreadsheet/cell.ts';
import type { Axis } from './axis.ts';
import type { CellContent, CellLook } from './cell-content.ts';
import { createHeads } from './heads.ts';
import { isInRange, type Place, rangeOf, type Selection } from './selection.ts';
import { make, placeAt, setAttribute, setClass, setStyle, setText } from './set-once.ts';

export interface GridParts {
  root: HTMLElement;
  /** Cells, the selection and the editor; moved as a whole, as the heads are. */
  body: HTMLElement;
  columnHeads: HTMLElement;
  rowHeads: HTMLElement;
  range: HTMLElement;
  active: HTMLElement;
}

export interface Picture {
  rows: Axis;
  columns: Axis;
  headWidth: number;
  headHeight: number;
  /** Scrolled to, and what is seen from there on without the heads; in pixels. */
  x: number;
  y: number;
  width: number;
  height: number;
  selection: Selection;
  /** Of the selection. */
  range: CellRange;
  contentOf(row: number, column: number): CellContent;
  /** Whether a change of this cell is to be pointed out. */
  isNews(row: number, column: number): boolean;
}

export interface Seen {
  firstRow: number;
  lastRow: number;
  firstColumn: number;
  lastColumn: number;
}

interface CellElement {
  element: HTMLElement;
  row: number;
  column: number;
  text: string;
  look: CellLook | undefined;
  isSelected: boolean;
  left: number;
  width: number;
  /** Points out that somebody else has changed it. */
  ring: Animation | undefined;
}

interface RowElement {
  element: HTMLElement;
  cells: CellElement[];
  row: number;
}

/** What all that is drawn depends on; where it is the same, so is a row that is drawn already. */
interface Drawn extends Pick<Picture, 'rows' | 'columns' | 'selection' | 'contentOf'> {
  base: Place;
  seen: Seen;
}

/** The body's own coordinates begin anew each so many pixels, so that they stay numbers that a browser draws exactly. */
const CHAPTER = 1_000_000;
const SPARE = 6;
const RING: Keyframe[] = [{ backgroundColor: 'var(--sheet-news)' }, { backgroundColor: 'transparent' }];

/** As many as before where that is enough, so that one more or less at the edge does not give every cell another element. */
function span(axis: Axis, from: number, length: number, before: number): { first: number; last: number } {
  const first = axis.indexAt(from);
  const needed = axis.indexAt(from + Math.max(0, length - 1)) - first + 1;
  const count = Math.min(axis.count, before >= needed && before <= needed + SPARE ? before : needed + 1);
  const start = Math.max(0, Math.min(first, axis.count - count));
  return { first: start, last: start + count - 1 };
}

export interface Painter {
  paint(picture: Omit<Picture, 'range'>): Seen;
  /** Takes everything away again. */
  clear(): void;
}

export function createPainter({ root, body, columnHeads, rowHeads, range, active }: GridParts): Painter {
  const rowElements: RowElement[] = [];
  const columnNames = createHeads(columnHeads, 'columnheader');
  const rowNumbers = createHeads(rowHeads, undefined);
  let drawn: Drawn | undefined;

  function paintCell(cell: CellElement, row: number, column: number, picture: Picture, left: number): void {
    const { element } = cell;
    const width = picture.columns.sizeOf(column);
    if (cell.left !== left || cell.width !== width) {
      element.style.left = `${left}px`;
      element.style.width = `${width}px`;
      cell.left = left;
      cell.width = width;
    }
    const isMoved = cell.row !== row || cell.column !== column;
    if (isMoved) {
      element.id = `cell-${cellName(row, column)}`;
      if (cell.column !== column) {
        element.ariaColIndex = String(column + 2);
      }
      cell.row = row;
      cell.column = column;
      cell.ring?.cancel();
      cell.ring = undefined;
    }
    const { text, look } = picture.contentOf(row, column);
    if (cell.text !== text || cell.look !== look) {
      if (!isMoved && cell.look !== 'loading' && cell.look !== 'failed' && look !== 'loading' && picture.isNews(row, column)) {
        cell.ring = element.animate(RING, { duration: 1_600, easing: 'ease-in' });
      }
      if (cell.look !== look) {
        showLook(cell, look);
      }
      element.textContent = text;
      cell.text = text;
    }
    const isSelected = isInRange(picture.range, { row, column });
    if (cell.isSelected !== isSelected) {
      element.ariaSelected = isSelected ? 'true' : null;
      cell.isSelected = isSelected;
    }
  }

  function rowElement(index: number): RowElement {
    let row = rowElements[index];
    if (row === undefined) {
      row = { element: make('div', 'sheet-row', 'row'), cells: [], row: -1 };
      rowElements[index] = row;
      body.insertBefore(row.element, range);
    }
    return row;
  }

  function paintRows(picture: Picture, seen: Seen, base: Place, isSame: boolean): void {
    const rowCount = seen.lastRow - seen.firstRow + 1;
    const columnCount = seen.lastColumn - seen.firstColumn + 1;
    for (let row = seen.firstRow; row <= seen.lastRow; row += 1) {
      const rowAt = rowElement(row % rowCount);
      if (isSame && rowAt.row === row) {
        continue;
      }
      const { element, cells } = rowAt;
      setStyle(element, 'transform', `translateY(${picture.rows.offsetOf(row) - base.row}px)`);
      if (rowAt.row !== row) {
        element.ariaRowIndex = String(row + 2);
        rowAt.row = row;
      }
      for (let column = seen.firstColumn; column <= seen.lastColumn; column += 1) {
        const index = column % columnCount;
        let cell = cells[index];
        if (cell === undefined) {
          cell = makeCell();
          cells[index] = cell;
          element.append(cell.element);
        }
        paintCell(cell, row, column, picture, picture.columns.offsetOf(column) - base.column);
      }
      for (const { element: rest } of cells.splice(columnCount)) {
        rest.remove();
      }
    }
    for (const { element } of rowElements.splice(rowCount)) {
      element.remove();
    }
  }

  function paintHeads(picture: Picture, seen: Seen, base: Place, isSame: boolean): void {
    const { rows, columns, range: area } = picture;
    columnNames.paint(seen.firstColumn, seen.lastColumn, isSame, (head, index) => {
      setText(head, columnName(index));
      head.ariaColIndex = String(index + 2);
      setStyle(head, 'left', `${columns.offsetOf(index) - base.column}px`);
      setStyle(head, 'width', `${columns.sizeOf(index)}px`);
      const isSelected = index >= area.column && index < area.column + area.columnCount;
      setClass(head, `sheet-column-head${isSelected ? ' is-selected' : ''}`);
    });
    rowNumbers.paint(seen.firstRow, seen.lastRow, isSame, (head, index) => {
      setText(head, String(index + 1));
      setStyle(head, 'transform', `translateY(${rows.offsetOf(index) - base.row}px)`);
      const isSelected = index >= area.row && index < area.row + area.rowCount;
      setClass(head, `sheet-row-head${isSelected ? ' is-selected' : ''}`);
    });
  }

  function paintSelection(picture: Picture, seen: Seen, base: Place): void {
    const { rows, columns, selection, range: area, x, y, width, height } = picture;
    // No larger than what is seen, and a border of it.
    const top = Math.max(rows.offsetOf(area.row), y - 10);
    const left = Math.max(columns.offsetOf(area.column), x - 10);
    const bottom = Math.min(rows.offsetOf(area.row + area.rowCount), y + height + 10);
    const right = Math.min(columns.offsetOf(area.column + area.columnCount), x + width + 10);
    const isSeen = bottom > top && right > left;
    range.hidden = !isSeen;
    if (isSeen) {
      placeAt(range, { x: left - base.column, y: top - base.row, width: right - left, height: bottom - top });
    }
    const { row, column } = selection.active;
    placeAt(active, {
      x: columns.offsetOf(column) - base.column,
      y: rows.offsetOf(row) - base.row,
      width: columns.sizeOf(column),
      height: rows.sizeOf(row),
    });
    const isActiveSeen = row >= seen.firstRow && row <= seen.lastRow && column >= seen.firstColumn && column <= seen.lastColumn;
    if (isActiveSeen) {
      setAttribute(root, 'aria-activedescendant', `cell-${cellName(row, column)}`);
    } else {
      root.removeAttribute('aria-activedescendant');
    }
  }

  function paint(given: Omit<Picture, 'range'>): Seen {
    const picture: Picture = { ...given, range: rangeOf(given.selection) };
    const rows = span(picture.rows, picture.y, picture.height, rowElements.length);
    const columns = span(picture.columns, picture.x, picture.width, columnNames.count);
    const seen = { firstRow: rows.first, lastRow: rows.last, firstColumn: columns.first, lastColumn: columns.last };
    const base = { row: Math.floor(picture.y / CHAPTER) * CHAPTER, column: Math.floor(picture.x / CHAPTER) * CHAPTER };
    const { contentOf, selection } = picture;
    const now: Drawn = { rows: picture.rows, columns: picture.columns, selection, contentOf, base, seen };
    const isSame = drawn !== undefined && isSameDrawing(drawn, now);
    drawn = now;
    paintRows(picture, seen, base, isSame);
    paintHeads(picture, seen, base, isSame);
    paintSelection(picture, seen, base);
    setStyle(body, 'transform', `translate(${base.column - picture.x}px, ${base.row - picture.y}px)`);
    setStyle(columnHeads, 'transform', `translateX(${base.column - picture.x}px)`);
    setStyle(rowHeads, 'transform', `translateY(${base.row - picture.y}px)`);
    return seen;
  }

  return {
    paint,
    clear() {
      for (const { element } of rowElements) {
        element.remove();
      }
      columnNames.clear();
      rowNumbers.clear();
    },
  };
}

function makeCell(): CellElement {
  const element = make('div', 'sheet-cell', 'gridcell');
  return { element, row: -1, column: -1, text: '', look: undefined, isSelected: false, left: -1, width: -1, ring: undefined };
}

function showLook(cell: CellElement, look: CellLook): void {
  const { element, look: before } = cell;
  element.className = `sheet-cell is-${look}`;
  if (look === 'loading' || before === 'loading') {
    element.ariaBusy = look === 'loading' ? 'true' : null;
  }
  if (look === 'failed' || before === 'failed') {
    element.title = look === 'failed' ? 'This part of the sheet could not be loaded' : '';
  }
  cell.look = look;
}

/** Rows may be others: each knows its own. */
function isSameDrawing(one: Drawn, other: Drawn): boolean {
  return (
    one.contentOf === other.contentOf &&
    one.selection === other.selection &&
    one.rows === other.rows &&
    one.columns === other.columns &&
    one.base.row === other.base.row &&
    one.base.column === other.base.column &&
    one.seen.firstColumn === other.seen.firstColumn &&
    one.seen.lastColumn === other.seen.lastColumn &&
    one.seen.lastRow - one.seen.firstRow === other.seen.lastRow - other.seen.firstRow
  );
}
