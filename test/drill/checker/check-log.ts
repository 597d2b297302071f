/** One log: its entries against the acknowledged appends, its snapshots against a fold of what is before them. */
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { createAccountFold } from './account.ts';
import type { AppendRecord } from './acknowledged.ts';
import { createBlobReader, missingBlob } from './blobs.ts';
import type { CheckedCounts } from './check.ts';
import { type Erasures, readErasures } from './erasures.ts';
import { createHistoryCheck } from './history.ts';
import { createSheetFold } from './sheet.ts';
import { readStoredEntries, type StoredEntry } from './stored-entries.ts';

/** A log type as the checker knows it. */
export interface Fold {
  apply(type: string, data: Record<string, unknown>): void;
  /** @returns how the snapshot differs from what was applied so far; undefined where it does not */
  compare(snapshot: string, sequenceId: bigint): Promise<string | undefined>;
}

export interface CheckLogOptions {
  client: pg.Client;
  blobsDir: string;
  log: { id: string; type: string; first: string; next: string };
  records: readonly AppendRecord[];
  /** Garbage has been collected: blobs of snapshots that no entry has any more are gone. */
  collected: boolean;
  find: (finding: string) => void;
  checked: CheckedCounts;
}

export async function checkLog({ client, blobsDir, log, records, collected, find, checked }: CheckLogOptions): Promise<void> {
  const wanted = entriesWanted(records, log.id, find);
  const appends = createAppendCheck(log.id, records, find);
  const blobs = createBlobReader(blobsDir, log.id);
  const fold: Fold | undefined =
    log.type === 'sheet' ? createSheetFold(blobs) : log.type === 'bank-account' ? createAccountFold(blobs) : undefined;
  if (!fold) {
    find(`log ${log.id} is of type ${log.type}, which the checker does not know`);
    return;
  }
  const history = await createHistoryCheck(client, blobs, log, find);
  const erasures = await readErasures(client, log.id);
  let next = 0n;
  for await (const stored of readStoredEntries(client, log.id)) {
    // What had left the log before it was erased is in the drill's record as it was; what the log holds has to be erased itself.
    const erased = erasures.erase(stored.sequenceId, stored.type, stored.data);
    const entry = stored.isRemoved ? { ...stored, data: erased } : stored;
    const place = `entry ${log.id}/${entry.sequenceId}`;
    checked.entries += 1;
    checked.removedEntries += entry.isRemoved ? 1 : 0;
    if (entry.sequenceId !== next) {
      find(entry.sequenceId < next ? `${place} is there twice` : `entries ${log.id}/${next} to ${entry.sequenceId - 1n} are gone`);
    }
    next = entry.sequenceId + 1n;
    if (entry.isRemoved !== entry.sequenceId < BigInt(log.first)) {
      find(`${place} ${entry.isRemoved ? 'was removed' : 'is held'}, and the log begins at ${log.first}`);
    }
    if (!entry.isRemoved && entry.pending !== null) {
      find(`${place} is still pending: ${entry.pending}`);
    }
    appends.see(entry);
    history.see(entry);
    const acknowledged = wanted.get(entry.sequenceId);
    wanted.delete(entry.sequenceId);
    if (acknowledged) checkContent(place, entry, acknowledged, erasures.erase, find);
    const snapshot = (entry.isRemoved ? history.snapshotOf(entry.sequenceId) : undefined) ?? entry.snapshot;
    if (snapshot !== null) {
      const difference = await fold.compare(snapshot, entry.sequenceId).catch((error: Error) => error.message);
      const isLetGo = collected && entry.isRemoved && difference === missingBlob(snapshot);
      checked.snapshots += isLetGo ? 0 : 1;
      if (difference !== undefined && !isLetGo) find(`snapshot ${snapshot} of ${place}: ${difference}`);
    }
    fold.apply(entry.type, erased);
  }
  if (next !== BigInt(log.next)) {
    find(`log ${log.id} ends at ${next} and says that its next entry is ${log.next}`);
  }
  for (const [sequenceId, { append }] of wanted) {
    find(`entry ${log.id}/${sequenceId} of append ${append} was acknowledged and is not there`);
  }
  appends.finish();
  checked.archivedEntries += history.finish();
  checked.erasedSecrets += await erasures.findSecrets(records, blobs, find);
  const garbage = collected ? await blobs.unread() : [];
  for (const name of garbage) find(`blob ${log.id}/${name} is there, and nothing refers to it`);
}

interface WantedEntry {
  append: string;
  entry: Record<string, unknown>;
}

function entriesWanted(records: readonly AppendRecord[], logId: string, find: (finding: string) => void): Map<bigint, WantedEntry> {
  const wanted = new Map<bigint, WantedEntry>();
  for (const { append, first, entries } of records) {
    entries.forEach((entry, index) => {
      const sequenceId = BigInt(first) + BigInt(index);
      const other = wanted.get(sequenceId);
      if (other) find(`entry ${logId}/${sequenceId} was acknowledged to two appends, ${other.append} and ${append}`);
      wanted.set(sequenceId, { append, entry });
    });
  }
  return wanted;
}

function checkContent(
  place: string,
  stored: StoredEntry,
  { append, entry }: WantedEntry,
  erase: Erasures['erase'],
  find: (finding: string) => void,
): void {
  const { type, pending, ...sent } = entry;
  const data = erase(stored.sequenceId, type as string, sent);
  if (stored.correlationId !== append) {
    find(`${place} is of append ${stored.correlationId}, and append ${append} was told that it is there`);
  } else if (stored.type !== type || !isDeepStrictEqual(stored.data, data)) {
    find(`${place} of append ${append} is not what was appended: ${shown(stored.data)} instead of ${shown(data)}`);
  }
}

/** Each append is there once, in one piece. One that the file does not know was never heard of again by its writer. */
function createAppendCheck(logId: string, records: readonly AppendRecord[], find: (finding: string) => void) {
  const seen = new Map<string, { count: number; last: bigint }>();
  return {
    see({ correlationId, sequenceId }: StoredEntry): void {
      if (correlationId === null) {
        find(`entry ${logId}/${sequenceId} is of no append`);
        return;
      }
      const before = seen.get(correlationId);
      if (before && before.last !== sequenceId - 1n) find(`append ${correlationId} is there twice: again at ${logId}/${sequenceId}`);
      seen.set(correlationId, { count: (before?.count ?? 0) + 1, last: sequenceId });
    },
    finish(): void {
      for (const { append, entries } of records) {
        const count = seen.get(append)?.count ?? 0;
        seen.delete(append);
        if (count > entries.length) find(`append ${append} to ${logId} has ${entries.length} entries, and ${count} are there`);
      }
      for (const append of seen.keys()) find(`append ${append} is in ${logId}, and its writer knows nothing of it`);
    },
  };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
