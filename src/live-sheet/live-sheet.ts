/**
 * A sheet that is edited together: an immutable view that follows its log, edits that are in it at once, and the one loop that reads and writes
 * the log. One code for Node and the browser, over any EventLog and BlobDir.
 *
 * The loop does one thing at a time, so what it knows of the log never changes under it. An error of the log makes it wait, longer each time,
 * and go on by itself with the edits that wait; `view.sync` says so meanwhile. docs/decisions/0016 has the rules of edits that meet.
 */
import { SheetClosedError } from '../errors.ts';
import { createBell } from '../event-log/bell.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import { createSnapshotCache } from '../snapshots/cache.ts';
import { checkRange } from '../spreadsheet/check-range.ts';
import type { SheetEntry } from '../spreadsheet/entries.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import { bytesOf, createAppendBatches } from './append-batches.ts';
import { backoffMs } from './backoff.ts';
import { createDeadlines, sendingMs, type WithDeadline } from './deadline.ts';
import { createEditQueue, type Edit } from './edit-queue.ts';
import { readingBlobs } from './reading-blobs.ts';
import { saveEdits } from './save-edits.ts';
import { contentOfState, createSheetPosition, openNewest } from './sheet-position.ts';
import { createStore } from './store.ts';
import { createTileLoader } from './tile-loader.ts';
import type { LiveSheet, LiveSheetOptions, SheetLog } from './types.ts';

const PAGE_CACHE_BYTES = 4 * 1024 * 1024;

/** @throws HistoryGoneError, CorruptBlobError, BlobNotFoundError, UnavailableError, TidemarkError 'fold_failed', or what log and blobs throw */
export async function openLiveSheet({
  log,
  blobs,
  viewport,
  conflict = 'overwrite',
  pollMs = 1_000,
  requestTimeoutMs = 15_000,
  blobTimeoutMs = 10_000,
  retryMs = 100,
  cacheBytes = 32 * 1024 * 1024,
  maxOverlayBytes = 4 * 1024 * 1024,
  cache,
  signal: closing,
}: LiveSheetOptions): Promise<LiveSheet> {
  closing?.throwIfAborted();
  if (viewport) {
    checkRange(viewport);
  }
  const controller = new AbortController();
  const signal = closing ? AbortSignal.any([controller.signal, closing]) : controller.signal;
  const withDeadline = createDeadlines(signal);
  const patientLog = withDeadlines(log, requestTimeoutMs, withDeadline);
  const source = {
    log: patientLog,
    blobs: readingBlobs(blobs, { timeoutMs: blobTimeoutMs, withDeadline }),
    cache: cache ?? createSnapshotCache({ maxBytes: PAGE_CACHE_BYTES }),
    signal,
  };
  const bell = createBell();
  const retryBell = createBell();
  const unsubscribe = log.subscribe(() => look());
  let mustLook = false;

  function look(): void {
    mustLook = true;
    bell.ring();
  }

  const opened = await openNewest(source).catch((error) => {
    unsubscribe();
    throw error;
  });
  const { value, fallbacks } = opened;
  const store = createStore({
    content: contentOfState(value.state),
    sequenceId: value.sequenceId,
    base: { sequenceId: value.base.sequenceId, fallbacks },
    load: { isComplete: true, loading: [], failed: [] },
    sync: { state: 'saved', waitingEdits: 0, rolledBack: [] },
  });
  const queue = createEditQueue(store);
  const batches = createAppendBatches();
  const loader = createTileLoader({
    store,
    source: { ...source, cachesTiles: cache !== undefined },
    cacheBytes,
    retryMs,
    onUnusableBlob: () => {
      position.wantNewerBase();
      look();
    },
  });
  const position = createSheetPosition({ source, opened, store, queue, loader, conflict, maxOverlayBytes });

  function append(batch: readonly Edit[], sequenceId: SequenceId): Promise<unknown> {
    const entries = batch.map(({ entry }) => entry);
    return withDeadline(log.addEntries(entries, sequenceId), requestTimeoutMs + sendingMs(bytesOf(batch)), 'The log');
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      bell.reset();
      try {
        if (mustLook) {
          mustLook = false;
          await position.takeIn();
        }
        await saveEdits({ append, batches, store, queue, position, wait: (ms) => createBell().wait(ms, signal), signal });
        failures = 0;
        queue.setError(undefined);
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        failures += 1;
        mustLook = true;
        queue.setError(error);
        retryBell.reset();
        await retryBell.wait(backoffMs(failures, retryMs), signal);
        continue;
      }
      if (!mustLook) {
        await bell.wait(pollMs, signal);
        // An edit finds out what is new by being sent.
        mustLook ||= queue.edits.length === 0;
      }
    }
  }

  function edit(entry: unknown): Promise<SequenceId> {
    try {
      refuseClosed();
      const confirmed = queue.add(sheet.parseEntry(entry) as SheetEntry);
      bell.ring();
      return confirmed;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  function refuseClosed(): void {
    if (signal.aborted) {
      throw new SheetClosedError();
    }
  }

  let closed: Promise<void> | undefined;
  const running = run();
  const end = async () => {
    controller.abort(new SheetClosedError());
    closing?.removeEventListener('abort', onClosing);
    unsubscribe();
    loader.close();
    queue.abandon(
      new SheetClosedError(
        'The sheet was closed before this edit was confirmed: it may not be saved. Use close({ flush: true }) to wait for edits.',
      ),
    );
    await running;
  };
  const close: LiveSheet['close'] = async ({ flush = false } = {}) => {
    if (flush && !signal.aborted) {
      // The signal may close it meanwhile: the edits say so themselves.
      await queue.empty().catch(() => {});
    }
    closed ??= end();
    await closed;
  };
  const onClosing = () => void close();
  closing?.addEventListener('abort', onClosing, { once: true });
  if (closing?.aborted) {
    onClosing();
  }

  const live: LiveSheet = {
    get view() {
      return store.view;
    },
    subscribe: store.subscribe,
    async setViewport(range) {
      refuseClosed();
      await loader.setViewport(range);
    },
    setCell: (row, column, cell, format) =>
      edit({ type: 'SetCellValueAndFormat', row, column, value: cell, ...(format === undefined ? {} : { format }) }),
    setRange: (row, column, values, format) =>
      edit({ type: 'SetCellRange', row, column, values, ...(format === undefined ? {} : { format }) }),
    retry() {
      loader.retry();
      look();
      retryBell.ring();
    },
    acknowledge: queue.acknowledge,
    async flush() {
      refuseClosed();
      await queue.empty();
    },
    close,
  };
  if (viewport) {
    void loader.setViewport(viewport);
  }
  return live;
}

function withDeadlines(log: SheetLog, ms: number, withDeadline: WithDeadline): SheetLog {
  const bounded = <T>(call: Promise<T>) => withDeadline(call, ms, 'The log');
  return {
    addEntry: (...args) => bounded(log.addEntry(...args)),
    addEntries: (...args) => bounded(log.addEntries(...args)),
    query: (...args) => bounded(log.query(...args)),
    setMetadata: (...args) => log.setMetadata(...args),
    completeWorkflow: (...args) => log.completeWorkflow(...args),
    truncate: (...args) => log.truncate(...args),
    subscribe: (onChange) => log.subscribe(onChange),
  };
}
