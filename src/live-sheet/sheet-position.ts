/**
 * Where a live sheet stands in its log, and the ways on: through the entries that follow, onto a newer snapshot at the same place, or, behind a
 * truncated log, from the newest snapshot.
 *
 * None of them takes away a cell that is shown: what the viewport shows of a snapshot is loaded before the view moves onto it.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { EditUnconfirmedError, SequenceRangeError, type TidemarkError } from '../errors.ts';
import type { LogMetadata, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { SnapshotCache } from '../snapshots/cache.ts';
import { isUnusableBlob, NO_SNAPSHOT, type SnapshotFallback } from '../snapshots/find-base.ts';
import { type ReplayValue, replay } from '../snapshots/replay.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import type { TileList } from '../spreadsheet/manifest.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import type { SheetState } from '../spreadsheet/sheet-state.ts';
import { type Content, cellInLayers, findRef, patchesOf, withLayer, withWrites, writesOf } from './content.ts';
import type { Edit, EditQueue } from './edit-queue.ts';
import type { LoadedTile } from './loaded-tile.ts';
import { cellsOfPatch, findInPatch, type Patch } from './patch.ts';
import type { PreparedTiles } from './prepare-tiles.ts';
import { countOwn, findConflicts, isSameCell } from './rebase.ts';
import type { SheetStore, StoreState } from './store.ts';
import type { TileLoader } from './tile-loader.ts';
import { entriesOfTileMap, findInTileMap } from './tile-map.ts';
import type { ConflictPolicy, SheetLog } from './types.ts';

type Opened = ReplayValue<SheetEntry & LogMetadata, SheetState>;

/** So many entries behind, and with no edit that waits, the newest snapshot is the shorter way. */
const FAR_BEHIND = 10_000n;
/** Before a snapshot that could not be moved to is tried again. */
const AVOID_MS = 30_000;
const WRITE_BYTES = 100;

export interface SheetSource {
  log: SheetLog;
  blobs: BlobDir;
  cache: SnapshotCache;
  signal: AbortSignal;
}

export interface SheetPositionOptions {
  source: SheetSource;
  opened: OpenedSheet;
  store: SheetStore;
  queue: EditQueue;
  loader: TileLoader;
  conflict: ConflictPolicy;
  maxOverlayBytes: number;
}

export interface OpenedSheet {
  value: Opened;
  fallbacks: readonly SnapshotFallback[];
}

export interface SheetPosition {
  /** Takes in what is new in the log. @throws what the log throws */
  takeIn(): Promise<void>;
  /** That the first `count` edits are about to be sent to where the view stands. */
  sending(count: number): void;
  /** That no answer has come: they may be in the log or not. */
  unanswered(): void;
  /** That they are there, or that they never will be. */
  confirmed(count: number): void;
  refused(error: TidemarkError): void;
  /** Move to a newer snapshot as soon as there is one. */
  wantNewerBase(): void;
}

export async function openNewest({ log, blobs, cache, signal }: SheetSource): Promise<OpenedSheet> {
  const fallbacks: SnapshotFallback[] = [];
  const onFallback = (fallback: SnapshotFallback) => void fallbacks.push(fallback);
  return { value: await replay({ log, blobs, logType: sheet, to: 'end', cache, signal, onFallback }), fallbacks };
}

export function contentOfState(
  { base, overlay }: SheetState,
  pages: ReadonlyMap<number, TileList> = new Map(),
  under: ReadonlyMap<number, Patch> = new Map(),
): Content {
  return withWrites(withLayer({ base, pages, tiles: new Map() }, 'confirmed', under), 'confirmed', patchesOf(overlay));
}

export function createSheetPosition(options: SheetPositionOptions): SheetPosition {
  const { source, store, queue, loader, conflict, maxOverlayBytes } = options;
  const { log } = source;
  let overlayBytes = options.opened.value.state.overlay.bytes;
  let baseId = snapshotIdOf(options.opened.value);
  let sent: { at: SequenceId; count: number; isUnanswered: boolean } | undefined;
  let wantsNewerBase = false;
  let avoided: { sequenceId: SequenceId; until: number } | undefined;

  async function takeIn(): Promise<void> {
    for (;;) {
      const from = store.state.sequenceId;
      let page: Awaited<ReturnType<SheetLog['query']>>;
      try {
        page = await log.query(from, 'end', baseId);
        const { lastSnapshot } = page;
        if (lastSnapshot && lastSnapshot.sequenceId - from > FAR_BEHIND && queue.edits.length === 0) {
          return await reopen();
        }
        if (page.entries.length > 0) {
          apply(page.entries);
        }
        if (lastSnapshot && isWorthMoving(lastSnapshot)) {
          await moveTo(lastSnapshot);
        }
      } catch (error) {
        if (error instanceof SequenceRangeError) {
          return await reopen(from);
        }
        throw error;
      }
      if (page.isComplete) {
        return;
      }
    }
  }

  function apply(entries: readonly SheetEntry[]): void {
    const from = store.state.sequenceId;
    const own = sent?.at === from ? countOwn(entries, queue.edits.slice(0, sent.count)) : 0;
    // An append of ours may go on in the next page.
    const more = sent !== undefined && own > 0 && own === entries.length && own < sent.count;
    sent = more && sent ? { ...sent, at: from + BigInt(own), count: sent.count - own } : undefined;
    const writes = writesOf(entries, from);
    const theirs = own === 0 ? writes : writesOf(entries.slice(own), from + BigInt(own));
    const theirsAt = (key: number, position: number) => findInPatch(theirs.get(key) ?? [], position) ?? 'none';
    const rolledBack = conflict === 'report' ? findConflicts(queue.edits.slice(own), theirsAt) : new Map<Edit, TidemarkError>();
    queue.settle({ confirmed: own, at: from, rolledBack }, grownBy(writes, entries.length));
  }

  function grownBy(writes: ReadonlyMap<number, Patch>, count: number): Partial<StoreState> {
    for (const patch of writes.values()) {
      for (const [, { value }] of cellsOfPatch(patch)) {
        overlayBytes += WRITE_BYTES + (typeof value === 'string' ? 2 * value.length : 0);
      }
    }
    const { content, sequenceId } = store.state;
    return { content: withWrites(content, 'confirmed', writes), sequenceId: sequenceId + BigInt(count) };
  }

  function isWorthMoving({ sequenceId }: SnapshotValue): boolean {
    const isAvoided = avoided?.sequenceId === sequenceId && Date.now() < avoided.until;
    return sequenceId > baseId && sequenceId <= store.state.sequenceId && !isAvoided && (wantsNewerBase || overlayBytes > maxOverlayBytes);
  }

  /** The same cells, on top of a newer snapshot. Where that cannot be had, the view stays on the one it has. */
  async function moveTo(snapshot: SnapshotValue): Promise<void> {
    const { blobs, cache, signal } = source;
    try {
      const state = await sheet.snapshots.read(blobs, snapshot.blobId, { typeVersion: sheet.version, cache, signal });
      const from = state && { ...snapshot, state };
      const value = from && (await replay({ log, blobs, logType: sheet, to: store.state.sequenceId, from, cache, signal }));
      const { error } = value
        ? await loader.prepare(value.state.base, { force: false }, (prepared) => adopt(value, prepared, { fallbacks: [] }))
        : { error: undefined };
      if (!value || error) {
        avoid(snapshot, error);
      }
    } catch (error) {
      if (error instanceof SequenceRangeError || signal.aborted) {
        throw error;
      }
      avoid(snapshot, error);
    }
  }

  function avoid(snapshot: SnapshotValue, error: unknown): void {
    avoided = { sequenceId: snapshot.sequenceId, until: Date.now() + AVOID_MS };
    const { base } = store.state;
    if (isUnusableBlob(error) && !base.fallbacks.some(({ blobId }) => blobId === snapshot.blobId)) {
      store.update({ base: { ...base, fallbacks: [{ ...snapshot, error }, ...base.fallbacks] } });
    }
  }

  /** @param truncatedAt where the view stood when the log turned out not to hold that any more */
  async function reopen(truncatedAt?: SequenceId): Promise<void> {
    const { value, fallbacks } = await openNewest(source);
    await loader.prepare(value.state.base, { force: true }, (prepared) => {
      const { reopenedFrom } = store.state.base;
      const from = truncatedAt ?? reopenedFrom;
      adopt(value, prepared, { fallbacks, ...(from === undefined ? {} : { reopenedFrom: from }) });
    });
  }

  /** In one turn of the event loop with what was prepared for it. */
  function adopt(value: Opened, prepared: PreparedTiles, base: Omit<StoreState['base'], 'sequenceId'>): void {
    const before = store.state.content;
    const pages = new Map(prepared.pages);
    for (const [key, list] of before.pages) {
      if (value.state.base.lists.pages?.get(key)?.hash === before.base.lists.pages?.get(key)?.hash) {
        pages.set(key, list);
      }
    }
    let content = contentOfState(value.state, pages, prepared.patches);
    const carried: [number, LoadedTile][] = [...prepared.tiles];
    for (const [key, { loaded }] of entriesOfTileMap(before.tiles)) {
      const ref = findRef(content, key);
      if (loaded && !prepared.tiles.has(key) && !loaded.isStale && ref !== undefined && loaded.ref?.hash === ref?.hash) {
        carried.push([key, loaded]);
      }
    }
    content = withLayer(content, 'loaded', carried);
    const hasMoved = value.sequenceId !== store.state.sequenceId;
    const rolledBack = hasMoved ? outdated(before, content) : new Map<Edit, TidemarkError>();
    overlayBytes = value.state.overlay.bytes;
    baseId = snapshotIdOf(value);
    wantsNewerBase = false;
    if (hasMoved) {
      sent = undefined;
    }
    queue.settle(
      { rolledBack },
      { content: queue.layOver(content), sequenceId: value.sequenceId, base: { ...base, sequenceId: value.base.sequenceId } },
    );
    loader.resume();
  }

  /** Of the entries between the two nothing is known but what they have left. */
  function outdated(before: Content, after: Content): Map<Edit, TidemarkError> {
    const isSent = sent?.isUnanswered && sent.at === store.state.sequenceId;
    const unsure = isSent ? queue.edits.slice(0, sent?.count) : [];
    const rest = queue.edits.slice(unsure.length);
    const confirmedAt = (content: Content, key: number, position: number) => {
      const layers = findInTileMap(content.tiles, key);
      const cell = layers && cellInLayers({ loaded: layers.loaded, confirmed: layers.confirmed }, position);
      return cell ?? (findRef(content, key) === null ? { value: null } : undefined);
    };
    const rolledBack =
      conflict === 'report'
        ? findConflicts(rest, (key, position) => {
            const [then, now] = [confirmedAt(before, key, position), confirmedAt(after, key, position)];
            return then !== undefined && now !== undefined && isSameCell(then, now) ? 'none' : now;
          })
        : new Map<Edit, TidemarkError>();
    for (const edit of unsure) {
      rolledBack.set(edit, new EditUnconfirmedError());
    }
    return rolledBack;
  }

  return {
    takeIn,
    sending(count) {
      const at = store.state.sequenceId;
      const isAgain = sent?.at === at;
      sent = { at, count: Math.max(count, isAgain && sent ? sent.count : 0), isUnanswered: isAgain && sent?.isUnanswered === true };
    },
    unanswered() {
      if (sent) {
        sent.isUnanswered = true;
      }
    },
    confirmed(count) {
      const at = store.state.sequenceId;
      sent = undefined;
      const writes = writesOf(
        queue.edits.slice(0, count).map(({ entry }) => entry),
        at,
      );
      queue.settle({ confirmed: count, at }, grownBy(writes, count));
    },
    refused(error) {
      sent = undefined;
      queue.settle({ rolledBack: new Map(queue.edits.slice(0, 1).map((edit) => [edit, error])) });
    },
    wantNewerBase() {
      wantsNewerBase = true;
      avoided = undefined;
    },
  };
}

function snapshotIdOf({ base }: Opened): SequenceId {
  return base.blobId === undefined ? NO_SNAPSHOT : base.sequenceId;
}
