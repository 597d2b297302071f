/**
 * The tiles under the viewport: loads them side by side and keeps them; of others it keeps the ones seen last, as long as there is room.
 *
 * A tile that fails harms no other. It is named in the view's load status and tried again by itself, at growing intervals.
 */
import { isUnusableBlob } from '../snapshots/find-base.ts';
import type { CellRange } from '../spreadsheet/cell.ts';
import { checkRange } from '../spreadsheet/check-range.ts';
import { pageKeyOf } from '../spreadsheet/manifest.ts';
import { tileKey } from '../spreadsheet/overlay.ts';
import { tilesUnder } from '../spreadsheet/read-cells.ts';
import type { SheetBase } from '../spreadsheet/sheet-root.ts';
import { backoffMs } from './backoff.ts';
import { type Content, isShown, withLayer } from './content.ts';
import { isSameStatus, rangeOfTile } from './load-status.ts';
import { loadTile, type TileAnswer, type TileSource } from './load-tile.ts';
import { type PreparedTiles, prepareTiles } from './prepare-tiles.ts';
import type { SheetStore } from './store.ts';
import { findInTileMap, placeOf } from './tile-map.ts';
import type { LoadStatus } from './types.ts';

const TILES_SIDE_BY_SIDE = 16;

export interface TileLoaderOptions {
  store: SheetStore;
  source: TileSource;
  cacheBytes: number;
  retryMs: number;
  /** A blob of the snapshot is corrupt or gone: a newer snapshot may do without it. */
  onUnusableBlob: () => void;
}

export interface TileLoader {
  setViewport(range: CellRange): Promise<void>;
  retry(): void;
  /** For the viewport: see prepare-tiles.ts. */
  prepare(base: SheetBase, options: { force: boolean }, adopt: (prepared: PreparedTiles) => void): Promise<{ error?: unknown }>;
  /** After the content has moved to another base. */
  resume(): void;
  close(): void;
}

interface Task {
  state: 'waiting' | 'loading' | 'failed';
  attempts: number;
  error?: Error;
  timer?: ReturnType<typeof setTimeout> | undefined;
}

export function createTileLoader({ store, source, cacheBytes, retryMs, onUnusableBlob }: TileLoaderOptions): TileLoader {
  let viewport: ReadonlySet<number> = new Set();
  const tasks = new Map<number, Task>();
  /** Loaded tiles, the one in the viewport longest ago first. */
  const recent = new Set<number>();
  let running = 0;
  let isClosed = false;
  const waiters: (() => void)[] = [];

  function needsLoading(key: number): boolean {
    const { content } = store.state;
    return findInTileMap(content.tiles, key)?.loaded?.isStale ?? !isShown(content, key);
  }

  /** Begins what can begin, and puts the load status of now, with `content`, into the view. */
  function proceed(content: Content = store.state.content): void {
    for (const [key, task] of tasks) {
      if (running >= TILES_SIDE_BY_SIDE) {
        break;
      }
      if (task.state === 'waiting') {
        void run(key, task);
      }
    }
    const load = loadStatus();
    if (content !== store.state.content || !isSameStatus(load, store.state.load)) {
      store.update({ content, load });
    }
    if (load.loading.length === 0) {
      for (const resolve of waiters.splice(0)) {
        resolve();
      }
    }
  }

  async function run(key: number, task: Task): Promise<void> {
    running += 1;
    task.state = 'loading';
    let content: Content | undefined;
    for (let base: SheetBase | undefined; base !== store.state.content.base && !isClosed; ) {
      base = store.state.content.base;
      try {
        const answer = await loadTile(base, key, source);
        if (base === store.state.content.base) {
          tasks.delete(key);
          content = keep(key, answer);
        }
      } catch (error) {
        if (base === store.state.content.base && !isClosed) {
          fail(key, task, error);
        }
      }
    }
    running -= 1;
    if (!isClosed) {
      proceed(content);
    }
  }

  function keep(key: number, { tile, page }: TileAnswer): Content {
    recent.delete(key);
    recent.add(key);
    const { content } = store.state;
    const pages = page === undefined || content.pages.has(page.key) ? content.pages : new Map(content.pages).set(page.key, page.list);
    return evict({ ...withLayer(content, 'loaded', [[key, tile]]), pages });
  }

  function fail(key: number, task: Task, error: unknown): void {
    if (!viewport.has(key)) {
      tasks.delete(key);
      return;
    }
    task.state = 'failed';
    task.error = error instanceof Error ? error : new Error(String(error));
    task.attempts += 1;
    task.timer = setTimeout(() => restart(task), backoffMs(task.attempts, retryMs));
    if (isUnusableBlob(error)) {
      onUnusableBlob();
    }
  }

  function restart(task: Task): void {
    clearTimeout(task.timer);
    task.state = 'waiting';
    proceed();
  }

  /** The least recently shown go first; what is in the viewport stays, however much it is. */
  function evict(content: Content): Content {
    const bytesOf = (key: number) => findInTileMap(content.tiles, key)?.loaded?.bytes ?? 0;
    let bytes = [...recent].reduce((sum, key) => sum + (viewport.has(key) ? 0 : bytesOf(key)), 0);
    const gone: number[] = [];
    for (const key of recent) {
      if (bytes <= cacheBytes) {
        break;
      }
      if (!viewport.has(key)) {
        bytes -= bytesOf(key);
        gone.push(key);
        recent.delete(key);
      }
    }
    if (gone.length === 0) {
      return content;
    }
    const kept = new Set([...recent, ...viewport].map((key) => pageKeyOf(placeOf(key))));
    const pages = new Map([...content.pages].filter(([pageKey]) => kept.has(pageKey)));
    return {
      ...withLayer(
        content,
        'loaded',
        gone.map((key) => [key, undefined]),
      ),
      pages,
    };
  }

  function loadStatus(): LoadStatus {
    const loading: CellRange[] = [];
    const failed: LoadStatus['failed'][number][] = [];
    for (const [key, task] of tasks) {
      if (viewport.has(key)) {
        if (task.state === 'failed' && task.error) {
          const isStale = findInTileMap(store.state.content.tiles, key)?.loaded?.isStale === true;
          failed.push({ range: rangeOfTile(key), error: task.error, isStale });
        } else {
          loading.push(rangeOfTile(key));
        }
      }
    }
    return { isComplete: loading.length === 0 && failed.length === 0, loading, failed };
  }

  function want(keys: Iterable<number>): void {
    for (const key of keys) {
      if (recent.delete(key)) {
        recent.add(key);
      }
      if (!tasks.has(key) && needsLoading(key)) {
        tasks.set(key, { state: 'waiting', attempts: 0 });
      }
    }
  }

  return {
    setViewport(range) {
      const places = tilesUnder(checkRange(range));
      viewport = new Set(places.map(({ row, column }) => tileKey(row, column)));
      for (const resolve of waiters.splice(0)) {
        resolve();
      }
      for (const [key, task] of tasks) {
        if (!viewport.has(key) && task.state !== 'loading') {
          clearTimeout(task.timer);
          tasks.delete(key);
        }
      }
      want(viewport);
      const settled = new Promise<void>((resolve) => {
        waiters.push(resolve);
      });
      proceed(evict(store.state.content));
      return settled;
    },
    retry() {
      for (const task of tasks.values()) {
        if (task.state === 'failed') {
          clearTimeout(task.timer);
          task.state = 'waiting';
          task.attempts = 0;
        }
      }
      proceed();
    },
    prepare: (base, options, adopt) =>
      prepareTiles(base, { ...options, store, source, viewport: () => viewport, isClosed: () => isClosed }, adopt),
    resume() {
      const { content } = store.state;
      for (const key of recent) {
        if (findInTileMap(content.tiles, key)?.loaded === undefined) {
          recent.delete(key);
        }
      }
      for (const [key, task] of tasks) {
        if (task.state === 'failed') {
          clearTimeout(task.timer);
          tasks.delete(key);
        }
      }
      for (const key of viewport) {
        if (findInTileMap(content.tiles, key)?.loaded) {
          recent.add(key);
        }
      }
      want(viewport);
      proceed();
    },
    close() {
      isClosed = true;
      for (const task of tasks.values()) {
        clearTimeout(task.timer);
      }
      for (const resolve of waiters.splice(0)) {
        resolve();
      }
    },
  };
}
