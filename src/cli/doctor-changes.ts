/** What doctor says about reading row changes: nothing where none are read. */
import { readSlotStatus } from '../changes/slot-status.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Finding } from './finding.ts';
import { formatBytes, formatDuration } from './print.ts';

const OLD_MS = 60_000;

export async function checkChanges(db: Database): Promise<Finding[]> {
  const slots = await readSlotStatus(db);
  if (slots.length === 0) return [];
  const { rows } = await db.query(
    `select current_setting('wal_level') as wal_level, (select setting::integer from pg_settings where name = 'max_slot_wal_keep_size') as keep_megabytes`,
  );
  const findings: Finding[] = [];
  const check = 'changes';
  if (rows[0].wal_level !== 'logical') {
    findings.push({
      check,
      state: 'wrong',
      found: `wal_level is ${rows[0].wal_level}`,
      fix: 'Set wal_level = logical and restart Postgres.',
    });
  }
  if (rows[0].keep_megabytes < 0) {
    findings.push({
      check,
      state: 'warning',
      found: 'max_slot_wal_keep_size is -1: a slot that nobody reads fills the disk',
      fix: 'Set max_slot_wal_keep_size to what the disk can spare, such as 16GB.',
    });
  }
  for (const { slot, state, lagBytes, retainedBytes, ageMs, gaps } of slots) {
    if (state === 'lost' || state === 'missing') {
      findings.push({
        check,
        state: 'wrong',
        found: `slot ${slot} is ${state}`,
        fix: "Run 'tidemark cdc --recover': it says which changes may be missing.",
      });
    } else if (ageMs > OLD_MS) {
      findings.push({
        check,
        state: 'warning',
        found: `slot ${slot} was last read ${formatDuration(ageMs)} ago and holds ${formatBytes(retainedBytes)} of the log`,
        fix: "Start 'tidemark cdc', or give the slot up: 'tidemark cdc drop --yes'.",
      });
    }
    if (gaps > 0) {
      findings.push({
        check,
        state: 'warning',
        found: `${gaps} ${gaps === 1 ? 'range' : 'ranges'} of changes may be missing`,
        fix: "See 'tidemark cdc status'; when it is settled: delete from change_gap.",
      });
    }
    if (findings.length === 0) findings.push({ check, state: 'ok', found: `slot ${slot} is read, ${formatBytes(lagBytes)} behind` });
  }
  return findings;
}
