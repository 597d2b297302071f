/** How the slots of row changes are: the same from every process, read from Postgres. Nothing where no changes are read. */
import { readSlotStatus } from '../changes/slot-status.ts';
import type { Database } from '../postgres/queryable.ts';
import { fromPostgres, type Meters } from './meters.ts';

/** @param up also says whether Postgres answers: where nobody else does */
export function observeChanges(meters: Meters, db: Database, up: boolean): void {
  const read = fromPostgres(() => readSlotStatus(db));
  for (const meter of meters) {
    const lag = meter.createObservableGauge('tidemark_change_slot_lag_bytes', {
      description: 'Written to the log since the last change that is stored',
    });
    const held = meter.createObservableGauge('tidemark_change_slot_held_bytes', {
      description: 'Of the log, kept on disk because of the slot',
    });
    const age = meter.createObservableGauge('tidemark_change_slot_age_seconds', {
      description: 'Since a reader last stored something, or said that there was nothing',
    });
    const state = meter.createObservableGauge('tidemark_change_slot_state', {
      description: '1 for the state the slot is in: reading, waiting (nobody reads), lost, missing',
    });
    const gaps = meter.createObservableGauge('tidemark_change_gaps', {
      description: 'Ranges of the log that were not read and may be missing',
    });
    const answers = up && meter.createObservableGauge('tidemark_postgres_up', { description: 'Whether Postgres answers this process' });
    meter.addBatchObservableCallback(
      async (result) => {
        const slots = await read().catch(() => undefined);
        if (answers) result.observe(answers, slots ? 1 : 0);
        for (const { slot, state: is, lagBytes, retainedBytes, ageMs, gaps: count } of slots ?? []) {
          result.observe(lag, lagBytes, { slot });
          result.observe(held, retainedBytes, { slot });
          result.observe(age, ageMs / 1_000, { slot });
          for (const one of ['reading', 'waiting', 'lost', 'missing']) result.observe(state, one === is ? 1 : 0, { slot, state: one });
          result.observe(gaps, count, { slot });
        }
      },
      [lag, held, age, state, gaps, ...(answers ? [answers] : [])],
    );
  }
}
