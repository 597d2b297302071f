/**
 * Snapshots of sheets: touched tiles are read, merged and written under their content's name, as are the pages that list them and the root. Each is
 * begun as soon as its names are known; nothing refers to the root before all are written.
 *
 * Tiles that nothing wrote to are neither read nor written. The result depends on the cells and the sequence id alone, not on where the fold began.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import type { BlobId, SequenceId } from '../event-log/event-log.ts';
import type { SnapshotFormat, SnapshotOptions } from '../event-log/log-type.ts';
import { contentName, writeContent } from '../snapshots/content-blob.ts';
import { withWritesBehind } from '../snapshots/write-behind.ts';
import { tileRef } from './manifest.ts';
import { readPage } from './page-blob.ts';
import { createBase, readRoot, readRootLists, writeRoot } from './sheet-root.ts';
import { createSheetState, mergeTouchedTiles, type SheetState } from './sheet-state.ts';
import { measureTile } from './tile.ts';
import { cacheTile, encodeTile } from './tile-blob.ts';
import { changeTiles, type TileChange, writeLists } from './tile-lists.ts';

export function createSheetSnapshots(logType: string): SnapshotFormat<SheetState> {
  return {
    write: (blobs, sequenceId, state, options) =>
      withWritesBehind(blobs, (behind) => writeSnapshot(behind, logType, sequenceId, state, options)),

    async read(blobs, blobId, options) {
      const base = await readRoot(blobs, logType, blobId, options);
      return base && createSheetState(base);
    },

    async *references(blobs, blobId, { cache, signal }) {
      const { tiles, pages } = await readRootLists(blobs, blobId, cache);
      for (const { hash } of tiles?.values() ?? []) {
        yield contentName('tile', hash);
      }
      for (const { hash } of pages?.values() ?? []) {
        signal?.throwIfAborted();
        yield contentName('page', hash);
        for (const tile of (await readPage(blobs, hash, cache)).values()) {
          yield contentName('tile', tile.hash);
        }
      }
    },

    unwrittenBytes: ({ overlay }) => overlay.bytes,
  };
}

async function writeSnapshot(
  blobs: BlobDir,
  logType: string,
  sequenceId: SequenceId,
  state: SheetState,
  options: SnapshotOptions,
): Promise<BlobId> {
  const { cache, signal } = options;
  const changes: TileChange[] = [];
  const written = new Set<string>();
  await mergeTouchedTiles(state, { blobs, cache, signal }, async ({ row, column, before, tile }) => {
    if (tile === undefined) {
      changes.push({ row, column, ref: undefined });
      return;
    }
    const blob = await encodeTile(tile);
    if (blob.hash !== before?.hash && !written.has(blob.hash)) {
      written.add(blob.hash);
      await writeContent(blobs, blob, signal);
    }
    cacheTile(cache, blob.name, tile, blob.content.length);
    changes.push({ row, column, ref: tileRef(row, column, blob.hash, blob.content.length, measureTile(tile)) });
  });
  const changed = await changeTiles(state.base.lists, changes, { blobs, cache, signal });
  const lists = await writeLists(changed, { blobs, cache, signal });
  signal?.throwIfAborted();
  return writeRoot(blobs, logType, sequenceId, createBase(lists, [...state.imports.values()]), options);
}
