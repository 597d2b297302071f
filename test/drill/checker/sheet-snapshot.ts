/**
 * A sheet's snapshot, decoded: root → pages, where it is large → tiles, in which cells are numbered down the columns. The root says how many
 * rows and columns of cells make a tile, and of tiles a page.
 */
import { type BlobContent, type BlobReader, demand } from './blobs.ts';
import { type CellKey, cellKey, placeOf } from './cells.ts';

export interface SheetSnapshot {
  cells: Map<number, CellKey>;
  cellCount: number;
  rows: number;
  columns: number;
}

type Size = { rows: number; columns: number };
type Columns = Record<string, (number | string)[]>;
type Ref = { row: number; column: number; hash: string; cells: number };

export async function readSheetSnapshot(blobs: BlobReader, name: string, sequenceId: bigint): Promise<SheetSnapshot> {
  const root = await blobs.read(name);
  demand('the root', root, {
    format: 'tidemark-sheet',
    formatVersion: 1,
    logType: 'sheet',
    typeVersion: 1,
    sequenceId: String(sequenceId),
  });
  const size = sizeOf(root, 'tileRows', 'tileColumns');
  const cells = new Map<number, CellKey>();
  for (const tile of root.pages === undefined ? refsOf(root.tiles) : await readPages(blobs, root)) {
    const count = readTileInto(cells, size, tile, await blobs.read(`tile-${tile.hash}.gz`));
    if (count !== tile.cells) throw new Error(`tile ${tile.row}, ${tile.column} has ${count} cells, and its list says ${tile.cells}`);
  }
  return { cells, cellCount: root.cells as number, rows: root.rows as number, columns: root.columns as number };
}

async function readPages(blobs: BlobReader, root: BlobContent): Promise<Ref[]> {
  const size = sizeOf(root, 'pageTileRows', 'pageTileColumns');
  const tiles: Ref[] = [];
  for (const page of refsOf(root.pages)) {
    const content = await blobs.read(`page-${page.hash}.gz`);
    demand('a page', content, { format: 'tidemark-page', formatVersion: 1 });
    for (const tile of refsOf(content.tiles)) {
      if (Math.floor(tile.row / size.rows) !== page.row || Math.floor(tile.column / size.columns) !== page.column) {
        throw new Error(`page ${page.row}, ${page.column} lists tile ${tile.row}, ${tile.column}, which is not in it`);
      }
      tiles.push(tile);
    }
  }
  return tiles;
}

function sizeOf(root: BlobContent, rowsField: string, columnsField: string): Size {
  const [rows, columns] = [root[rowsField], root[columnsField]] as [number, number];
  if (!(rows > 0 && columns > 0)) throw new Error(`${rowsField} and ${columnsField} of the root are ${rows} and ${columns}`);
  return { rows, columns };
}

function refsOf(list: unknown): Ref[] {
  const { row = [], column = [], hash = [], cells = [] } = list as Columns;
  return row.map((_, index) => ({
    row: row[index] as number,
    column: column[index] as number,
    hash: hash[index] as string,
    cells: cells[index] as number,
  }));
}

/** @returns how many cells it holds */
function readTileInto(cells: Map<number, CellKey>, size: Size, { row, column }: Ref, tile: BlobContent): number {
  demand('a tile', tile, { format: 'tidemark-tile', formatVersion: 1 });
  const {
    runs,
    values,
    formats,
    formatRuns = [],
  } = tile as { runs: number[]; values: unknown[]; formats?: string[]; formatRuns?: number[] };
  const formatOf = formatRuns.flatMap((code, index) =>
    index % 2 === 0 ? new Array<number>(formatRuns[index + 1] as number).fill(code) : [],
  );
  let ordinal = 0;
  for (let run = 0; run < runs.length; run += 2) {
    const start = runs[run] as number;
    for (let position = start; position < start + (runs[run + 1] as number); position += 1) {
      const place = placeOf(row * size.rows + (position % size.rows), column * size.columns + Math.floor(position / size.rows));
      if (cells.has(place)) throw new Error(`tile ${row}, ${column} has a cell that another one has too`);
      cells.set(place, cellKey(values[ordinal], formats?.[formatOf[ordinal] ?? -1]));
      ordinal += 1;
    }
  }
  if (ordinal !== values.length) throw new Error(`tile ${row}, ${column} has ${values.length} values for ${ordinal} cells`);
  return ordinal;
}
