/** What the tests of compaction and history share: a log in memory that is compacted as the unit of work does it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobDir } from '../../src/blob-store/blob-store.ts';
import type { ArchivableLog, LogEntry, SequenceId } from '../../src/event-log/event-log.ts';
import type { LogType } from '../../src/event-log/log-type.ts';
import { type CompactLogOptions, compactLog } from '../../src/history/compact-log.ts';
import { withHistory } from '../../src/history/with-history.ts';

export interface Compactable<EntryT extends LogEntry, StateT> {
  log: ArchivableLog<EntryT>;
  blobs: BlobDir;
  logType: LogType<EntryT, StateT>;
}

/** Archives, then sets the entry's metadata and truncates. @returns the name of the history's root */
export async function compactAt<EntryT extends LogEntry, StateT>(
  { log, blobs, logType }: Compactable<EntryT, StateT>,
  sequenceId: SequenceId,
  segments: CompactLogOptions<EntryT, StateT>['segments'] = { segmentEntries: 4, rootSegments: 3 },
): Promise<string | undefined> {
  const { snapshot, history } = await compactLog({ log, blobs, logType, sequenceId, segments });
  await log.setMetadata(sequenceId, { snapshot, ...(history === undefined ? {} : { history }) });
  await log.truncate(sequenceId);
  return history;
}

/** Everything that can be read, by pages, metadata of workflows left out. */
export async function readAll<EntryT extends LogEntry>(log: ArchivableLog<EntryT>, blobs: BlobDir): Promise<LogEntry[]> {
  const readable = withHistory({ log, blobs });
  const read: LogEntry[] = [];
  for (let start: SequenceId | 'start' = 'start', complete = false; !complete; await delay(0)) {
    const page = await readable.query(start, 'end');
    read.push(...page.entries.map(({ snapshot: _, history: __, pending: ___, ...entry }) => entry));
    start = page.endSequenceId;
    complete = page.isComplete;
  }
  return read;
}
