/** Logs of sheets, filled by SQL: what the figures read is there before their time runs. */
import type { BenchDatabase } from './environment.ts';

export interface SheetLogs {
  prefix: string;
  logs: number;
  /** Of each log. */
  entries: number;
}

export const logIdsOf = ({ prefix, logs }: SheetLogs): string[] => Array.from({ length: logs }, (_, index) => `${prefix}-${index}`);

/** Every log has one more entry than `entries`: the last one can ask for a snapshot of those before it. */
export async function fillSheetLogs({ owner }: BenchDatabase, { prefix, logs, entries }: SheetLogs): Promise<void> {
  await owner.query(
    `insert into tidemark.logs (id, type, next_sequence_id) select $1 || '-' || log, 'sheet', $3::integer + 1 from generate_series(0, $2::integer - 1) log`,
    [prefix, logs, entries],
  );
  await owner.query(
    `insert into tidemark.entries (log_id, sequence_id, type, data)
     select $1 || '-' || log, entry, 'SetCellValueAndFormat', json_build_object('row', entry / 10, 'column', entry % 10, 'value', entry * 7 % 1000)
     from generate_series(0, $2::integer - 1) log, generate_series(0, $3::integer) entry`,
    [prefix, logs, entries],
  );
  await owner.query('vacuum analyze tidemark.entries, tidemark.logs, tidemark.work');
  await owner.query('checkpoint');
}

/** The last entry of every log asks for a snapshot, all in one transaction. */
export async function askForSnapshots({ owner }: BenchDatabase, { prefix, logs, entries }: SheetLogs): Promise<void> {
  await owner.query(
    `update tidemark.entries set pending = 'snapshot'
     where sequence_id = $3::integer and log_id in (select $1 || '-' || log from generate_series(0, $2::integer - 1) log)`,
    [prefix, logs, entries],
  );
}

/** Resolves when no entry is pending any more. @throws when units are dead */
export async function untilCleared({ owner }: BenchDatabase): Promise<void> {
  for (;;) {
    const { rows } = await owner.query(`select exists (select 1 from tidemark.entries where pending is not null) as pending`);
    if (!rows[0].pending) {
      return;
    }
    const { rows: dead } = await owner.query(`select id, error from tidemark.work where state = 'dead' limit 1`);
    if (dead[0]) {
      throw new Error(`${dead[0].id} is dead: ${JSON.stringify(dead[0].error)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}
