/**
 * Tiles in blobs named `tile-<sha-256>.gz`: gzip over { format, formatVersion, runs, values, formats?, formatRuns? }, see `Tile`.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { type ContentBlob, contentName, nameContent, parseContent, readContent } from '../snapshots/content-blob.ts';
import type { Tile } from './tile.ts';

const FORMAT = 'tidemark-tile';
const FORMAT_VERSION = 1;

export function encodeTile(tile: Tile): Promise<ContentBlob> {
  return nameContent('tile', JSON.stringify({ format: FORMAT, formatVersion: FORMAT_VERSION, ...tile }));
}

/** @throws CorruptBlobError, BlobNotFoundError */
export async function readTile(blobs: BlobDir, hash: string, cache?: SnapshotCache): Promise<Tile> {
  const name = contentName('tile', hash);
  const cached = cache?.get(name);
  if (cached !== undefined) {
    return cached as Tile;
  }
  const text = await readContent(blobs, name);
  const { runs, values, formats, formatRuns } = parseContent(name, text, FORMAT, FORMAT_VERSION) as unknown as Tile;
  const tile = formats && formatRuns ? { runs, values, formats, formatRuns } : { runs, values };
  cacheTile(cache, name, tile, text.length);
  return tile;
}

/** @param contentBytes of its JSON */
export function cacheTile(cache: SnapshotCache | undefined, name: string, tile: Tile, contentBytes: number): void {
  // An array slot, and a header of its own for a text or a number with a fraction.
  cache?.set(name, tile, contentBytes + 32 * tile.values.length + 500);
}
