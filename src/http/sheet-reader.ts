/**
 * Views of sheets that stay open between requests, so that reading a sheet again costs one query and not a fold.
 *
 * Who asks after an append was answered sees it: a view is refreshed by a look at the log that began after the request came. Views of an earlier
 * moment live for seconds only, because an erasure changes the past. Together they hold 64 MiB, the least recently used go first. One that is of a
 * snapshot whose blobs were collected meanwhile is opened again. Errors are those of `openSheet`, and InvalidInputError for a log that is no sheet.
 */
import type { FastifyBaseLogger } from 'fastify';
import { InvalidInputError } from '../errors.ts';
import type { SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import { listSnapshots } from '../event-log/list-snapshots.ts';
import { readLog } from '../event-log/read-log.ts';
import { type LogWithHistory, withHistory } from '../history/with-history.ts';
import { isUnusableBlob } from '../snapshots/find-base.ts';
import { openSheet, type Sheet } from '../spreadsheet/open-sheet.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import type { HttpContext } from './http-context.ts';
import { lookAnew } from './look-anew.ts';

export interface SheetReader {
  /** Reads from a shared view: of all entries, or of those before `at`. What `read` asks of it is of the sequence id that it has at that call. */
  read<T>(logId: string, at: SequenceId | undefined, read: (view: Sheet) => Promise<T>): Promise<T>;
  /** A view of the caller's own, which nobody refreshes. */
  open(logId: string, at?: SequenceId, signal?: AbortSignal): Promise<Sheet>;
  /** @returns where the log ends. @throws LogNotFoundError; InvalidInputError for a log of another type */
  check(logId: string): Promise<SequenceId>;
}

interface SharedView {
  readonly view: Sheet;
  readonly openedAt: number;
  refresh(): Promise<unknown>;
}

const MAX_BYTES = 64 * 1024 * 1024;
/** Of a view without writes. */
const VIEW_BYTES = 10_000;
const MAX_AGE_OF_PAST_MS = 30_000;

export function createSheetReader({ tidemark, db }: HttpContext, logger: FastifyBaseLogger): SheetReader {
  /** The least recently used first. */
  const views = new Map<string, SharedView>();
  const opening = new Map<string, Promise<SharedView>>();

  async function check(logId: string): Promise<SequenceId> {
    const { type, nextSequenceId } = await readLog(db, logId);
    if (type !== sheet.type) {
      throw new InvalidInputError(`Log '${logId}' is of type '${type}', not a sheet.`);
    }
    return nextSequenceId;
  }

  async function open(logId: string, at?: SequenceId, signal?: AbortSignal): Promise<Sheet> {
    const nextSequenceId = await check(logId);
    const { eventLog, blobs: openBlobs } = tidemark.log(sheet, logId);
    const blobs = await openBlobs();
    const { cache } = tidemark;
    const log = withHistory({ log: eventLog, blobs, cache });
    const base = at === undefined || at > nextSequenceId ? undefined : await newestSnapshot(logId, log, at);
    return openSheet({
      ...{ log, blobs, at, base, cache, signal },
      onFallback: ({ blobId, error }) => logger.warn({ logId, blobId, err: error }, 'a snapshot cannot be used: an older one stands in'),
    });
  }

  async function newestSnapshot(logId: string, log: Pick<LogWithHistory<never>, 'archivedSnapshots'>, at: SequenceId) {
    const [held] = await listSnapshots(db, { logId, upTo: at, limit: 1 });
    if (held !== undefined) {
      return held;
    }
    const archived = await log.archivedSnapshots(at).next();
    return archived.done ? undefined : (archived.value satisfies SnapshotValue);
  }

  async function openShared(key: string, logId: string, at: SequenceId | undefined): Promise<SharedView> {
    const coming = opening.get(key);
    if (coming !== undefined) {
      const shared = await coming;
      await shared.refresh();
      return shared;
    }
    const openedAt = performance.now();
    const mine = open(logId, at).then((view) => ({ view, openedAt, refresh: lookAnew(() => view.refresh()) }));
    opening.set(key, mine);
    return mine.finally(() => opening.delete(key));
  }

  async function shared(key: string, logId: string, at: SequenceId | undefined): Promise<SharedView> {
    const kept = views.get(key);
    if (kept === undefined || (at !== undefined && performance.now() - kept.openedAt > MAX_AGE_OF_PAST_MS)) {
      return openShared(key, logId, at);
    }
    await kept.refresh();
    return kept;
  }

  function keep(key: string, one: SharedView): void {
    views.delete(key);
    views.set(key, one);
    let bytes = 0;
    for (const { view } of views.values()) {
      bytes += VIEW_BYTES + view.heldBytes;
    }
    for (const [oldest, { view }] of views) {
      if (bytes <= MAX_BYTES) {
        break;
      }
      bytes -= VIEW_BYTES + view.heldBytes;
      views.delete(oldest);
    }
  }

  return {
    open,
    check,
    async read(logId, at, read) {
      const key = at === undefined ? logId : `${logId} ${at}`;
      for (let isAgain = false; ; isAgain = true) {
        try {
          const one = await shared(key, logId, at);
          const value = await read(one.view);
          keep(key, one);
          return value;
        } catch (error) {
          views.delete(key);
          if (isAgain || !isUnusableBlob(error)) {
            throw error;
          }
        }
      }
    },
  };
}
