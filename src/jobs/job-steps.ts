/**
 * Steps of a job: what has finished is not run again by a later attempt, its result is kept. What a step writes through its `db` commits together with that,
 * or not at all.
 */
import { FencedError, InvalidInputError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema, type Queryable } from '../postgres/queryable.ts';
import { jsonProblem } from '../snapshots/json-value.ts';
import type { Unit } from '../work/unit.ts';
import { unitTransaction } from '../work/unit-database.ts';

export interface StepContext {
  /** Statements here commit together with the step. */
  readonly db: Queryable;
}

export type RunStep = <T>(name: string, body: (context: StepContext) => Promise<T> | T) => Promise<T>;

export interface JobStepsOptions {
  pool: Pool;
  schema: string;
  unit: Unit;
  signal: AbortSignal;
  /** A step has finished: the attempt's deadline counts from here. */
  onFinished: () => void;
  /** A call of the database: see HandlerErrors. */
  watch: <T>(call: Promise<T>) => Promise<T>;
}

const MAX_RESULT_BYTES = 256 * 1024;

export function createJobSteps({ pool, schema, unit, signal, onFinished, watch }: JobStepsOptions): RunStep {
  let finished: Promise<Map<string, unknown>> | undefined;
  const running = new Set<string>();

  return async <T>(name: string, body: (context: StepContext) => Promise<T> | T): Promise<T> => {
    checkName(name);
    finished ??= watch(readSteps(inSchema(pool, schema), unit.id));
    const results = await finished;
    if (results.has(name)) {
      return results.get(name) as T;
    }
    if (running.has(name)) {
      throw new InvalidInputError(`Step '${name}' of ${unit.id} runs already: give each step a name of its own.`);
    }
    signal.throwIfAborted();
    running.add(name);
    const transaction = unitTransaction(pool, schema);
    try {
      const result = await body({ db: { query: (text, values) => watch(transaction.db.query(text, values)) } });
      const json = encodeResult(name, unit, result);
      await watch(transaction.commitWith((db) => finishStep(db, unit, name, json)));
      results.set(name, json === null ? undefined : JSON.parse(json));
      onFinished();
      return results.get(name) as T;
    } catch (error) {
      await transaction.rollback();
      throw error;
    } finally {
      running.delete(name);
    }
  };
}

async function readSteps(db: Database, workId: string): Promise<Map<string, unknown>> {
  const { rows } = await db.query(`select name, result from ${db.schema}.job_step where work_id = $1::text`, [workId]);
  return new Map(rows.map((row) => [row.name, row.result ?? undefined]));
}

async function finishStep(db: Database, unit: Unit, name: string, result: string | null): Promise<void> {
  const { rows } = await db.prepared(
    `select ${db.schema}.finish_step($1::text, $2::bigint, $3::integer, $4::uuid, $5::text, $6::json) as finished`,
    [unit.id, unit.epoch, unit.attempt, unit.fence, name, result],
  );
  if (!rows[0].finished) {
    throw new FencedError(unit.id);
  }
}

function checkName(name: string): void {
  if (typeof name !== 'string' || name === '' || name.length > 200 || name.includes('\0')) {
    throw new InvalidInputError(`'${String(name).slice(0, 60)}' is no name of a step: give 1 to 200 characters, without NUL.`);
  }
}

function encodeResult(name: string, unit: Unit, result: unknown): string | null {
  if (result === undefined) {
    return null;
  }
  const problem = jsonProblem(result);
  const json = problem === undefined ? JSON.stringify(result) : '';
  if (problem !== undefined || Buffer.byteLength(json) > MAX_RESULT_BYTES) {
    throw new InvalidInputError(
      `The result of step '${name}' of ${unit.id} ${problem === undefined ? `is ${Buffer.byteLength(json)} bytes; the limit is ${MAX_RESULT_BYTES}` : `holds ${problem}, which JSON does not keep`}. Return what names it: an id, a path.`,
    );
  }
  return json;
}
