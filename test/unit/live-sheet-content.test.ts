/** What a change of a live sheet costs: it makes anew what it touches, and shares the rest. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Content, cellOf, withWrites, writesOf } from '../../src/live-sheet/content.ts';
import { entriesOfTileMap, findInTileMap } from '../../src/live-sheet/tile-map.ts';
import { tileKey } from '../../src/spreadsheet/overlay.ts';
import { EMPTY_BASE } from '../../src/spreadsheet/sheet-root.ts';
import { TILE_COLUMNS, TILE_ROWS } from '../../src/spreadsheet/tile.ts';
import { anySheetEntry, COLUMNS, cell, modelOf, ROWS } from './snapshot-fixtures.ts';

const empty: Content = { base: EMPTY_BASE, pages: new Map(), tiles: new Map() };
const write = (content: Content, ...entries: Parameters<typeof writesOf>[0]) => withWrites(content, 'confirmed', writesOf(entries));

test('a change shares every tile and every page of tiles that it does not touch, and 31 of 32 parts of the one that it does', () => {
  const before = write(
    empty,
    ...Array.from({ length: 2_000 }, (_, index) =>
      cell((index % 50) * TILE_ROWS + (index % (TILE_ROWS - 1)), Math.floor(index / 50) * TILE_COLUMNS, index),
    ),
  );
  const after = write(before, cell(3, 0, 'changed'));
  const touched = tileKey(0, 0);
  for (const [key, layers] of entriesOfTileMap(before.tiles)) {
    if (key !== touched) expect(findInTileMap(after.tiles, key)).toBe(layers);
  }
  expect([...before.tiles].filter(([key, page]) => after.tiles.get(key) !== page)).toHaveLength(1);

  const values = Array.from({ length: TILE_ROWS }, () => new Array(TILE_COLUMNS).fill(1));
  const full = write(empty, { type: 'SetCellRange', row: 0, column: 0, values });
  const [one, other] = [full, write(full, cell(3, 0, 2))].map((content) => findInTileMap(content.tiles, touched)?.confirmed ?? []);
  expect(one).toHaveLength(32);
  expect(one?.filter((part, index) => other?.[index] !== part)).toHaveLength(1);
});

test('writes give the cells that the entries do, however they are grouped', () => {
  fc.assert(
    fc.property(fc.array(fc.array(anySheetEntry, { maxLength: 4 }), { maxLength: 6 }), (groups) => {
      const content = groups.reduce((before, entries) => write(before, ...entries), empty);
      const cells = new Map<string, unknown>();
      for (let row = 0; row < ROWS; row += 1) {
        for (let column = 0; column < COLUMNS; column += 1) {
          const at = cellOf(content, row, column);
          if (at?.value !== null) cells.set(`${row},${column}`, at);
        }
      }
      expect(cells).toEqual(modelOf(groups.flat()));
    }),
    { numRuns: 40 },
  );
});
