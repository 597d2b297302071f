/**
 * Dead units, by a person's decision: redriven (run again, in a new epoch) or discarded (cancelled; their entry is no longer pending).
 *
 * Each unit is a transaction of its own, which holds one ordering key: many at once would hold many, and could deadlock with an
 * application that appends to several logs. None waits for the disk; after each page one does, and with it all before it are there.
 * What is not dead any more when its turn comes is left alone, so both may be repeated. Who decided is kept with each unit.
 */
import { InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { selectionSql, type WorkSelection } from './select.ts';

/** Of units that are dead: the state is not asked for. */
export type DeadSelection = Omit<WorkSelection, 'state'>;

export interface DeadCount {
  group: string;
  /** Code of the error. */
  code: string;
  units: number;
  /** The newest of their messages. */
  message: string;
}

const PAGE = 500;
const SIDE_BY_SIDE = 4;
const MAX_RATE = 10_000;

/** What a redrive or discard of this selection would take, largest number first. */
export async function countDead(db: Database, selection: DeadSelection): Promise<DeadCount[]> {
  const { condition, values } = selectionSql({ ...selection, state: 'dead' });
  const { rows } = await db.query(
    `select w.group_name as group, coalesce(w.error ->> 'code', 'unknown') as code, count(*)::integer as units,
       coalesce((array_agg(w.error ->> 'message' order by w.finished_at desc))[1], '') as message
     from ${db.schema}.work w where ${condition}
     group by 1, 2 order by 3 desc, 1, 2`,
    values,
  );
  return rows;
}

export interface DecisionOptions {
  /** Aborted: no further unit is decided about. */
  signal?: AbortSignal;
  /** Who decides, and as a part of what: kept with each unit, see `listDecisions`. */
  actor?: string | undefined;
  correlationId?: string | undefined;
}

export interface RedriveOptions extends DecisionOptions {
  /** So many of them begin in a second, in the order of their ids; over all processes. Absent: as they are claimed. */
  ratePerSecond?: number | undefined;
}

/** @returns how many units run again */
export async function redriveWork(db: Database, selection: DeadSelection, options: RedriveOptions = {}): Promise<number> {
  return forEachDead(db, selection, 'redrive', options);
}

/** @returns how many units were discarded */
export async function discardWork(db: Database, selection: DeadSelection, options: DecisionOptions = {}): Promise<number> {
  return forEachDead(db, selection, 'discard', options);
}

async function forEachDead(
  db: Database,
  selection: DeadSelection,
  decision: 'redrive' | 'discard',
  { signal, actor, correlationId, ratePerSecond }: RedriveOptions,
): Promise<number> {
  checkRate(ratePerSecond);
  const startedAt = Date.now();
  let changed = 0;
  let taken = 0;
  for (let last = ''; ; ) {
    const ids = await deadIds(db, selection, last);
    const queue = ids.values();
    const lane = async () => {
      for (const id of queue) {
        if (signal?.aborted) return;
        const notBefore = ratePerSecond === undefined ? null : new Date(startedAt + (taken++ * 1_000) / ratePerSecond);
        const { rows } = await db.query(
          `select set_config('synchronous_commit', 'off', true), ${db.schema}.decide_dead($1::text, $2::text, $3::timestamptz, $4::text, $5::text) as changed`,
          [id, decision, notBefore, actor ?? null, correlationId ?? null],
        );
        changed += rows[0].changed ? 1 : 0;
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
    if (ids.length > 0) {
      await db.query(`select pg_logical_emit_message(true, 'tidemark', '')`);
    }
    if (ids.length < PAGE || signal?.aborted) {
      return changed;
    }
    // Never back: one that dies again meanwhile is for the next decision.
    last = ids.at(-1) as string;
  }
}

/** @throws InvalidInputError */
function checkRate(ratePerSecond: number | undefined): void {
  if (ratePerSecond !== undefined && !(ratePerSecond > 0 && ratePerSecond <= MAX_RATE)) {
    throw new InvalidInputError(`A rate of ${ratePerSecond} units a second cannot be kept: use a number above 0, at most ${MAX_RATE}.`);
  }
}

async function deadIds(db: Database, selection: DeadSelection, after: string): Promise<string[]> {
  const { condition, values } = selectionSql({ ...selection, state: 'dead' });
  const position = values.push(after);
  const { rows } = await db.query(
    `select w.id from ${db.schema}.work w where ${condition} and w.id > $${position}::text order by w.id limit ${PAGE}`,
    values,
  );
  return rows.map((row) => row.id);
}
