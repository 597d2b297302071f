/**
 * The root blob of a sheet's snapshot: `sheet-v<type version>-<sequence id>-<sha-256>.gz`, gzip over
 *
 * { format, formatVersion, logType, typeVersion, sequenceId, cells, rows, columns, tileRows, tileColumns, imports,
 *   tiles: list  |  pageTileRows, pageTileColumns, pages: list }
 *
 * with the lists of manifest.ts. rows and columns are 1 + the last row and column that hold a cell. Read and written whole; immutable.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { CorruptBlobError } from '../errors.ts';
import type { BlobId, SequenceId } from '../event-log/event-log.ts';
import type { SnapshotOptions } from '../event-log/log-type.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { nameContent, parseContent, readContent, writeContent } from '../snapshots/content-blob.ts';
import { checkRootKind, isRootOf, rootPrefix } from '../snapshots/root-name.ts';
import type { ImportMark } from './entries.ts';
import {
  decodePageList,
  decodeTileList,
  encodePageList,
  encodeTileList,
  PAGE_TILE_COLUMNS,
  PAGE_TILE_ROWS,
  type SheetTotals,
  totalsOf,
} from './manifest.ts';
import { TILE_COLUMNS, TILE_ROWS } from './tile.ts';
import type { TileLists } from './tile-lists.ts';

const FORMAT = 'tidemark-sheet';
const FORMAT_VERSION = 1;

/** What a sheet's snapshot says, but for its tiles. Shared between readers, never changed. */
export interface SheetBase {
  readonly lists: TileLists;
  readonly totals: SheetTotals;
  /** Oldest first. */
  readonly imports: readonly ImportMark[];
}

export const EMPTY_BASE: SheetBase = { lists: { tiles: new Map() }, totals: { cells: 0, rows: 0, columns: 0, tiles: 0 }, imports: [] };

export function createBase(lists: TileLists, imports: readonly ImportMark[]): SheetBase {
  return { lists, totals: totalsOf(lists.tiles ? lists.tiles.values() : lists.pages.values()), imports };
}

export async function writeRoot(
  blobs: BlobDir,
  logType: string,
  sequenceId: SequenceId,
  base: SheetBase,
  { typeVersion, cache }: SnapshotOptions,
): Promise<BlobId> {
  const { lists, totals, imports } = base;
  const list = lists.tiles
    ? { tiles: encodeTileList(lists.tiles) }
    : { pageTileRows: PAGE_TILE_ROWS, pageTileColumns: PAGE_TILE_COLUMNS, pages: encodePageList(lists.pages) };
  const blob = await nameContent(
    rootPrefix('sheet', typeVersion, sequenceId),
    JSON.stringify({
      format: FORMAT,
      formatVersion: FORMAT_VERSION,
      logType,
      typeVersion,
      sequenceId: String(sequenceId),
      cells: totals.cells,
      rows: totals.rows,
      columns: totals.columns,
      tileRows: TILE_ROWS,
      tileColumns: TILE_COLUMNS,
      imports,
      ...list,
    }),
  );
  await writeContent(blobs, blob);
  cache?.set(blob.name, base, baseBytes(base));
  return blob.name;
}

/** @returns undefined for another log type or version. @throws CorruptBlobError, BlobNotFoundError */
export async function readRoot(
  blobs: BlobDir,
  logType: string,
  blobId: BlobId,
  { typeVersion, cache }: SnapshotOptions,
): Promise<SheetBase | undefined> {
  if (!isRootOf('sheet', typeVersion, blobId)) {
    return undefined;
  }
  const cached = cache?.get(blobId);
  if (cached !== undefined) {
    return cached as SheetBase;
  }
  const content = parseContent(blobId, await readContent(blobs, blobId), FORMAT, FORMAT_VERSION);
  if (content.logType !== logType || content.typeVersion !== typeVersion) {
    return undefined;
  }
  return decodeRoot(blobId, content, cache);
}

/** Of any type version: what it lists, not what the sheet means. @throws CorruptBlobError, BlobNotFoundError */
export async function readRootLists(blobs: BlobDir, blobId: BlobId, cache: SnapshotCache | undefined): Promise<TileLists> {
  checkRootKind('sheet', blobId);
  const cached = cache?.get(blobId) as SheetBase | undefined;
  const base = cached ?? decodeRoot(blobId, parseContent(blobId, await readContent(blobs, blobId), FORMAT, FORMAT_VERSION), cache);
  return base.lists;
}

function decodeRoot(blobId: BlobId, content: Record<string, unknown>, cache: SnapshotCache | undefined): SheetBase {
  if (content.tileRows !== TILE_ROWS || content.tileColumns !== TILE_COLUMNS) {
    throw new CorruptBlobError(
      blobId,
      `its tiles are ${content.tileRows} × ${content.tileColumns} cells, this release reads ${TILE_ROWS} × ${TILE_COLUMNS}`,
    );
  }
  const tiles = decodeTileList(content.tiles);
  const pages = decodePageList(content.pages);
  const lists: TileLists | undefined = tiles ? { tiles } : pages && { pages };
  if (lists === undefined || !Array.isArray(content.imports)) {
    throw new CorruptBlobError(blobId, 'its list of tiles is not whole');
  }
  const base = createBase(lists, content.imports as ImportMark[]);
  cache?.set(blobId, base, baseBytes(base));
  return base;
}

function baseBytes({ lists, imports }: SheetBase): number {
  return 250 * (lists.tiles ?? lists.pages).size + 400 * imports.length + 1_000;
}
