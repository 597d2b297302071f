/**
 * The ends of an attempt. Each is one SQL function that changes nothing unless the attempt is still the unit's last one.
 */
import { FencedError, InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { Unit, UnitOutcome } from './unit.ts';

/** The error of an attempt as it is kept in the row. */
export interface UnitError {
  code: string;
  message: string;
  stack?: string;
}

const MAX_RESULT_BYTES = 256 * 1024;

/** Finished, with its effect: the unit, its entry and its key in one transaction. @throws FencedError, InvalidInputError for a result over 256 KB */
export async function finishWork(db: Database, unit: Unit, outcome: UnitOutcome): Promise<void> {
  const result = outcome.result === undefined ? null : JSON.stringify(outcome.result);
  if (result !== null && Buffer.byteLength(result) > MAX_RESULT_BYTES) {
    throw new InvalidInputError(
      `The result of ${unit.id} is ${Buffer.byteLength(result)} bytes; the limit is ${MAX_RESULT_BYTES}. Write it to a blob and return its id.`,
    );
  }
  const { rows } = await db.prepared(
    `select ${db.schema}.finish_work($1::text, $2::bigint, $3::integer, $4::uuid, $5::json, $6::text, $7::text) as answer`,
    [unit.id, unit.epoch, unit.attempt, unit.fence, result, outcome.snapshot ?? null, outcome.history ?? null],
  );
  refuseFenced(unit, rows[0].answer);
}

/** The attempt ended in an error; `dead`: the unit gave up; `own`: it counts as the handler's own. @throws FencedError */
export async function failWork(
  db: Database,
  unit: Unit,
  error: UnitError,
  { dead, own = false }: { dead: boolean; own?: boolean },
): Promise<void> {
  const { rows } = await db.query(
    `select ${db.schema}.fail_work($1::text, $2::bigint, $3::integer, $4::uuid, $5::json, $6::boolean, $7::boolean) as answer`,
    [unit.id, unit.epoch, unit.attempt, unit.fence, JSON.stringify(error), dead, own],
  );
  refuseFenced(unit, rows[0].answer);
}

/** The attempt was fenced off and is over: it no longer counts as one whose worker may have died. */
export async function endFencedAttempt(db: Database, unit: Unit): Promise<void> {
  await db.query(`select ${db.schema}.end_fenced_attempt($1::text, $2::bigint)`, [unit.id, unit.epoch]);
}

/**
 * Leaves its burst, or the worker that cannot run it, to run alone, in a new epoch, with its progress; `error`: because of an error of the
 * handler's own; `delayMs`: not before that. @throws FencedError
 */
export async function releaseWork(
  db: Database,
  unit: Unit,
  { error, delayMs = 0 }: { error?: UnitError; delayMs?: number } = {},
): Promise<void> {
  const { rows } = await db.query(
    `select ${db.schema}.release_work($1::text, $2::bigint, $3::integer, $4::uuid, $5::json, $6::integer * interval '1 millisecond') as answer`,
    [unit.id, unit.epoch, unit.attempt, unit.fence, error ? JSON.stringify(error) : null, delayMs],
  );
  refuseFenced(unit, rows[0].answer);
}

/** Units of no entry that were begun under one fence, with their effect and without a result. @returns ids of those that were fenced off */
export async function finishBatch(db: Database, units: readonly Unit[]): Promise<Set<string>> {
  const idsOf = (keyed: boolean) => units.filter(({ hasKey = false }) => hasKey === keyed).map(({ id }) => id);
  const { rows } = await db.prepared(`select id from ${db.schema}.finish_batch($1::text[], $2::text[], $3::uuid) id`, [
    idsOf(true),
    idsOf(false),
    units[0]?.fence,
  ]);
  return new Set(rows.map((row) => row.id));
}

/** The attempt of these ended in an error of the infrastructure: they stay in their burst. What another attempt has is left alone. */
export async function failBatch(db: Database, units: readonly Unit[], error: UnitError): Promise<void> {
  await db.query(
    `select ${db.schema}.fail_work(u.id, u.epoch, u.attempt, u.fence, $5::json, false)
     from unnest($1::text[], $2::bigint[], $3::integer[], $4::uuid[]) u (id, epoch, attempt, fence)`,
    [
      units.map((unit) => unit.id),
      units.map((unit) => unit.epoch),
      units.map((unit) => unit.attempt),
      units.map((unit) => unit.fence),
      JSON.stringify(error),
    ],
  );
}

/** They leave their batch to run alone; an error is kept and not counted as theirs. @returns how many this attempt still had */
export async function releaseBatch(
  db: Database,
  units: readonly Unit[],
  { error, delayMs = 0 }: { error?: UnitError; delayMs?: number },
): Promise<number> {
  const { rows } = await db.query(
    `select ${db.schema}.release_batch($1::text[], $2::uuid, $3::json, $4::integer * interval '1 millisecond') as units`,
    [units.map((unit) => unit.id), units[0]?.fence, error ? JSON.stringify(error) : null, delayMs],
  );
  return Number(rows[0].units);
}

/** What a later attempt goes on from. @throws FencedError */
export async function recordProgress(db: Database, unit: Unit, progress: unknown): Promise<void> {
  const { rows } = await db.query(`select ${db.schema}.record_progress($1::text, $2::bigint, $3::integer, $4::uuid, $5::json) as answer`, [
    unit.id,
    unit.epoch,
    unit.attempt,
    unit.fence,
    JSON.stringify(progress),
  ]);
  refuseFenced(unit, rows[0].answer);
}

function refuseFenced(unit: Unit, answer: string): void {
  if (answer === 'fenced') {
    throw new FencedError(unit.id);
  }
}
