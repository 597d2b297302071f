/**
 * A log over HTTP: what a client may do with it. The rest is the server's own to decide, and is a NotExposedError.
 *
 * An append goes with a key, so that one whose answer was lost is asked for again and happens once. While somebody is subscribed, what the
 * stream has brought is kept: the query that follows a hint is answered without a request.
 */
import { ConflictError, NotExposedError } from '../errors.ts';
import { checkMetadata, encodeEntries } from '../event-log/entry-data.ts';
import { entryText } from '../event-log/entry-text.ts';
import type { AddEntryValue, ArchivableLog, LogEntry, QueryValue, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import { checkSequenceId, MAX_SEQUENCE_ID } from '../event-log/sequence-id.ts';
import { checkPageSize } from '../page-size.ts';
import type { Appended, EntriesPage, LogDetails, SnapshotBody } from './api-types.ts';
import type { LogTail } from './log-tail.ts';
import type { Transport } from './transport.ts';

export interface HttpLogOptions {
  /** Most entries in one page of `query`, at most 10,000. Default 1,000. */
  pageSize?: number | undefined;
}

export interface HttpEventLog<T extends LogEntry> extends ArchivableLog<T> {
  readonly logId: string;
}

export interface HttpLogParts<T extends LogEntry> {
  transport: Transport;
  logId: string;
  /** Shared by all who have this log of this client. */
  tail: LogTail<T>;
}

export function createHttpEventLog<T extends LogEntry>(
  { transport, logId, tail }: HttpLogParts<T>,
  { pageSize = 1_000 }: HttpLogOptions = {},
): HttpEventLog<T> {
  checkPageSize(pageSize);
  const path = `logs/${encodeURIComponent(logId)}`;
  const describe = () => transport.json<LogDetails>('GET', path, { subject: { logId } });

  async function addEntries(entries: readonly T[], sequenceId: SequenceId, snapshotId?: SequenceId): Promise<AddEntryValue> {
    checkSequenceId(sequenceId);
    const texts = encodeEntries(entries).map(({ type, data, ...metadata }, index) =>
      entryText(sequenceId, index, type, data, checkMetadata(metadata)),
    );
    if (texts.length === 0) {
      return addNothing(sequenceId, snapshotId);
    }
    const known = snapshotId === undefined ? '' : `,"snapshotId":"${knownSnapshot(snapshotId)}"`;
    const key = globalThis.crypto.randomUUID();
    try {
      const appended = await transport.json<Appended>('POST', `${path}/entries`, {
        body: `{"entries":[${texts.join(',')}],"expect":"${anyId(sequenceId)}"${known}}`,
        headers: { 'idempotency-key': key },
        isRepeatable: true,
        subject: { logId, sequenceId, key },
      });
      const nextSequenceId = BigInt(appended.nextSequenceId);
      tail.reached(nextSequenceId);
      return { nextSequenceId, ...snapshotIn(appended) };
    } catch (error) {
      if (error instanceof ConflictError) {
        tail.reached(error.nextSequenceId);
      }
      throw error;
    }
  }

  /** The server takes at least one entry. */
  async function addNothing(sequenceId: SequenceId, snapshotId: SequenceId | undefined): Promise<AddEntryValue> {
    const { nextSequenceId, lastSnapshot } = await describe();
    if (BigInt(nextSequenceId) !== sequenceId) {
      throw new ConflictError(sequenceId, BigInt(nextSequenceId));
    }
    const { lastSnapshot: newest } = snapshotIn({ lastSnapshot });
    return {
      nextSequenceId: sequenceId,
      ...(snapshotId === undefined || newest === undefined || newest.sequenceId === snapshotId ? {} : { lastSnapshot: newest }),
    };
  }

  async function query(start: SequenceId | 'snapshot' | 'start', end: SequenceId | 'end', snapshotId?: SequenceId): Promise<QueryValue<T>> {
    if (start !== 'start' && start !== 'snapshot') {
      checkSequenceId(start);
    }
    if (end !== 'end') {
      checkSequenceId(end);
    }
    const kept = tail.answer({ start, end, snapshotId, pageSize });
    if (kept !== undefined) {
      return kept;
    }
    const page = await transport.json<EntriesPage>('GET', `${path}/entries`, {
      query: {
        start: typeof start === 'bigint' ? anyId(start) : start,
        end: end === 'end' || end > MAX_SEQUENCE_ID ? 'end' : end < 0n ? '0' : String(end),
        snapshotId: snapshotId === undefined ? undefined : knownSnapshot(snapshotId),
        limit: pageSize,
      },
      subject: { logId, ...(typeof start === 'bigint' ? { sequenceId: start } : {}) },
    });
    const endSequenceId = BigInt(page.endSequenceId);
    tail.reached(endSequenceId);
    return {
      startSequenceId: BigInt(page.startSequenceId),
      endSequenceId,
      isComplete: page.isComplete,
      ...snapshotIn(page),
      entries: page.entries as unknown as T[],
    };
  }

  return {
    logId,
    addEntries,
    addEntry: (entry, sequenceId, snapshotId) => addEntries([entry], sequenceId, snapshotId),
    query,
    subscribe: (onChange) => tail.subscribe(onChange),
    async lastHistory() {
      const { lastHistory } = await describe();
      return lastHistory && { sequenceId: BigInt(lastHistory.sequenceId), blobId: lastHistory.blobId };
    },
    async setMetadata() {
      throw new NotExposedError('Setting metadata');
    },
    async completeWorkflow() {
      throw new NotExposedError('Completing a workflow');
    },
    async truncate() {
      throw new NotExposedError('Truncating a log');
    },
  };
}

/** One that no log can hold goes as the last one, which no log holds either: it is refused as any other. */
function anyId(sequenceId: SequenceId): string {
  return String(sequenceId < 0n || sequenceId > MAX_SEQUENCE_ID ? MAX_SEQUENCE_ID : sequenceId);
}

function knownSnapshot(snapshotId: SequenceId): string {
  return snapshotId < 0n || snapshotId > MAX_SEQUENCE_ID ? 'none' : String(snapshotId);
}

function snapshotIn({ lastSnapshot }: { lastSnapshot?: SnapshotBody | undefined }): { lastSnapshot?: SnapshotValue } {
  return lastSnapshot ? { lastSnapshot: { sequenceId: BigInt(lastSnapshot.sequenceId), blobId: lastSnapshot.blobId } } : {};
}
