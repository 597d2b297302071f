/** The history of a log: what its blobs say of each entry is what the log, or the drill's record of what was removed, says. */
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { type BlobReader, demand } from './blobs.ts';
import type { StoredEntry } from './stored-entries.ts';

export interface HistoryCheck {
  see(entry: StoredEntry): void;
  /** The snapshot that an archived entry has by now: an erasure writes another one than it had in the log. */
  snapshotOf(sequenceId: bigint): string | undefined;
  /** @returns how many entries are archived */
  finish(): number;
}

type Row = (string | null)[];

/** Reads all of it: the logs of a drill are small. */
export async function createHistoryCheck(
  client: pg.Client,
  blobs: BlobReader,
  log: { id: string; first: string },
  find: (finding: string) => void,
): Promise<HistoryCheck> {
  const { rows } = await client.query(
    `select (select max(sequence_id)::text from tidemark.entries where log_id = $1 and history is not null) as at,
       exists (select from drill.truncated where log_id = $1 and by_hand) as by_hand`,
    [log.id],
  );
  const { at, by_hand: isCutByHand } = rows[0] as { at: string | null; by_hand: boolean };
  const archived = new Map<bigint, Row>();
  const snapshots = new Map<bigint, string>();
  let start = BigInt(log.first);
  if (at !== null) {
    const name = (await client.query('select history from tidemark.entries where log_id = $1 and sequence_id = $2', [log.id, at])).rows[0];
    try {
      start = await readHistory(blobs, name.history, at, archived, snapshots);
    } catch (error) {
      find(`history ${name.history} of entry ${log.id}/${at}: ${(error as Error).message}`);
      return { see: () => {}, snapshotOf: () => undefined, finish: () => 0 };
    }
  }
  if (!isCutByHand && start > 0n) {
    find(`entries ${log.id}/0 to ${start - 1n} left the log in a compaction, and are in no history`);
  }
  const count = archived.size;
  return {
    see({ sequenceId, type, data, correlationId }) {
      const row = archived.get(sequenceId);
      archived.delete(sequenceId);
      if (row === undefined) {
        if (at !== null && sequenceId >= start && sequenceId < BigInt(at))
          find(`entry ${log.id}/${sequenceId} is not in the history of its log`);
        return;
      }
      if (row[0] !== type || (row[4] ?? null) !== correlationId || !isDeepStrictEqual(JSON.parse(row[1] as string), data)) {
        find(`entry ${log.id}/${sequenceId} is archived as ${JSON.stringify(row).slice(0, 200)}, which it is not`);
      }
    },
    snapshotOf: (sequenceId) => snapshots.get(sequenceId),
    finish() {
      for (const sequenceId of archived.keys()) find(`entry ${log.id}/${sequenceId} is archived, and the log never had it`);
      return count;
    },
  };
}

/** @returns the first sequence id */
async function readHistory(
  blobs: BlobReader,
  name: string,
  end: string,
  archived: Map<bigint, Row>,
  snapshots: Map<bigint, string>,
): Promise<bigint> {
  const root = await blobs.read(name);
  demand('the root', root, { format: 'tidemark-history', formatVersion: 1, end });
  const previous = root.previous as [name: string, end: string] | null;
  let position = previous ? previous[1] : (root.start as string);
  if (previous) await readHistory(blobs, previous[0], previous[1], archived, snapshots);
  for (const [sequenceId, snapshot] of root.snapshots as [string, string][]) snapshots.set(BigInt(sequenceId), snapshot);
  for (const [start, last, , segment] of root.segments as [string, string, number, string][]) {
    const content = await blobs.read(segment);
    demand(`segment ${segment}`, content, { format: 'tidemark-history-segment', formatVersion: 1, start, end: last });
    if (start !== position) throw new Error(`segment ${segment} begins at ${start} and the one before it ends at ${position}`);
    const rows = content.entries as Row[];
    if (BigInt(start) + BigInt(rows.length) !== BigInt(last)) throw new Error(`segment ${segment} has ${rows.length} entries`);
    rows.forEach((row, index) => {
      archived.set(BigInt(start) + BigInt(index), row);
    });
    position = last;
  }
  if (position !== end) throw new Error(`its segments end at ${position} instead of ${end}`);
  return BigInt(root.start as string);
}
