/** Counts of what a view shows: those of the snapshot, with the tiles that were written to since counted anew. */
import type { TileRef } from '../spreadsheet/manifest.ts';
import { pageKeyOf, totalsOf } from '../spreadsheet/manifest.ts';
import { TILE_CELLS, TILE_COLUMNS, TILE_ROWS } from '../spreadsheet/tile.ts';
import { type Content, cellInLayers, findRef, type TileLayers } from './content.ts';
import { entriesOfTileMap, placeOf } from './tile-map.ts';
import type { ViewCounts } from './types.ts';

interface Measure {
  cells: number;
  rows: number;
  columns: number;
}

/** Layers never change, so each is measured once. */
const measures = new WeakMap<TileLayers, Measure>();

export function countContent(content: Content): ViewCounts {
  const { lists, totals } = content.base;
  const written = new Map<number, Measure>();
  let isExact = true;
  let cells = totals.cells;
  let rows = totals.rows;
  let columns = totals.columns;
  for (const [key, layers] of entriesOfTileMap(content.tiles)) {
    if (layers.confirmed === undefined && layers.pending === undefined) {
      continue;
    }
    const ref = findRef(content, key);
    isExact &&= ref === null || layers.loaded?.isStale === false;
    const measure = measureLayers(layers, key);
    written.set(key, measure);
    cells += ref === undefined || (ref !== null && layers.loaded === undefined) ? 0 : measure.cells - (ref?.cells ?? 0);
    rows = Math.max(rows, measure.rows);
    columns = Math.max(columns, measure.columns);
  }
  if (!isExact || written.size === 0) {
    return { rowCount: rows, columnCount: columns, cellCount: cells, isExact };
  }
  // Exact, also where the last row was emptied: what is not written to, and what is.
  const rest = lists.tiles ? withoutKeys(lists.tiles, written) : untouchedPages(content, written);
  const untouched = totalsOf(rest);
  const touched = [...written.values()].filter((measure) => measure.cells > 0);
  return {
    rowCount: touched.reduce((most, measure) => Math.max(most, measure.rows), untouched.rows),
    columnCount: touched.reduce((most, measure) => Math.max(most, measure.columns), untouched.columns),
    cellCount: cells,
    isExact,
  };
}

function* untouchedPages({ base, pages }: Content, written: ReadonlyMap<number, unknown>) {
  const touchedPages = new Set([...written.keys()].map((key) => pageKeyOf(placeOf(key))));
  for (const [key, page] of base.lists.pages ?? []) {
    if (touchedPages.has(key)) {
      yield* withoutKeys(pages.get(key) ?? new Map(), written);
    } else {
      yield page;
    }
  }
}

function* withoutKeys(tiles: ReadonlyMap<number, TileRef>, keys: ReadonlyMap<number, unknown>): Generator<TileRef> {
  for (const [key, ref] of tiles) {
    if (!keys.has(key)) {
      yield ref;
    }
  }
}

/** Rows and columns as of the sheet: 1 + the last one that holds a cell. */
function measureLayers(layers: TileLayers, key: number): Measure {
  const known = measures.get(layers);
  if (known !== undefined) {
    return known;
  }
  const place = placeOf(key);
  const measure = { cells: 0, rows: 0, columns: 0 };
  for (let position = 0; position < TILE_CELLS; position += 1) {
    const value = cellInLayers(layers, position)?.value;
    if (value !== undefined && value !== null) {
      measure.cells += 1;
      measure.rows = Math.max(measure.rows, place.row * TILE_ROWS + (position % TILE_ROWS) + 1);
      measure.columns = Math.max(measure.columns, place.column * TILE_COLUMNS + Math.floor(position / TILE_ROWS) + 1);
    }
  }
  measures.set(layers, measure);
  return measure;
}
