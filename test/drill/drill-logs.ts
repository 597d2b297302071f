/** The logs of a drill: many small ones of both types, so that backlogs run in bursts, and one sheet whose snapshots are long. */
import { createLog } from '../../src/event-log/create-log.ts';
import type { Queryable } from '../../src/postgres/queryable.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { bankAccount } from '../support/bank-account.ts';
import { bankEntryOf, cellEntryOf, scatteredEntryOf } from './entries.ts';
import type { Random } from './random.ts';

export interface DrillLog {
  readonly id: string;
  readonly type: string;
  /** Entries of one append, at most. */
  readonly mostEntries: number;
  makeEntry(random: Random): { type: string };
}

/** Asks for snapshots of many large entries at a time: a minute's work for a person, seconds for a worker. */
export const LONG_LOG = 'long-sheet';

const LOGS_PER_TYPE = 60;
/** Sheets whose cells lie so far apart that their lists of tiles need pages. */
const SCATTERED = 3;

export async function createDrillLogs(db: Queryable, random: Random): Promise<DrillLog[]> {
  const logs: DrillLog[] = [];
  for (let number = 0; number < LOGS_PER_TYPE; number += 1) {
    const name = String(number).padStart(2, '0');
    const isScattered = number < SCATTERED;
    logs.push(
      { id: `sheet-${name}`, type: sheet.type, mostEntries: isScattered ? 60 : 8, makeEntry: isScattered ? scatteredEntryOf : cellEntryOf },
      { id: `account-${name}`, type: bankAccount.type, mostEntries: 8, makeEntry: bankEntryOf },
    );
  }
  for (const { id, type } of logs) {
    // One in ten has no policy: there only who asks gets a snapshot. Half of the others are compacted by policy, too.
    const snapshotEvery = random.chance(0.1) ? undefined : random.integer(5, 60);
    const compactEvery = snapshotEvery !== undefined && random.chance(0.5) ? random.integer(20, 150) : undefined;
    await createLog(db, { id, type, snapshotEvery, compactEvery, keepSnapshots: random.integer(1, 3), keepDays: 0 });
  }
  await createLog(db, { id: LONG_LOG, type: sheet.type, keepSnapshots: 2, keepDays: 0 });
  return logs;
}
