/**
 * Steps of a job: what has finished is not run again by a later attempt, its result is kept. What a step writes through its `db` commits together with that,
 * or not at all. A step that is running when its attempt ends is given up there and then, whether or not its body hears of it: its transaction is rolled back.
 */
import { FencedError, InvalidInputError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema, type Queryable } from '../postgres/queryable.ts';
import { jsonProblem } from '../snapshots/json-value.ts';
import type { Unit } from '../work/unit.ts';
import { UnitTransaction } from '../work/unit-database.ts';

export interface StepContext {
  /** Statements here commit together with the step. What the handler's own `db` has locked they wait for, until the attempt's deadline. */
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

export interface JobSteps {
  step: RunStep;
  /** The attempt has ended: what still runs is given up. */
  end(): void;
}

export function createJobSteps({ pool, schema, unit, signal, onFinished, watch }: JobStepsOptions): JobSteps {
  let finished: Promise<Map<string, unknown>> | undefined;
  let over: { reason: unknown } | undefined;
  const running = new Map<string, (reason: unknown) => void>();

  function end(reason: unknown): void {
    over ??= { reason };
    for (const giveUp of running.values()) giveUp(reason);
  }
  signal.addEventListener('abort', () => end(signal.reason), { once: true });

  function finishedBefore(): Promise<Map<string, unknown>> {
    finished ??= watch(readSteps(inSchema(pool, schema), unit.id)).catch((error) => {
      finished = undefined;
      throw error;
    });
    return finished;
  }

  /** @returns what the step is known by from now on */
  async function run<T>(name: string, body: (context: StepContext) => Promise<T> | T): Promise<unknown> {
    const transaction = new UnitTransaction(pool, schema);
    const givenUp = new Promise<never>((_, reject) => {
      running.set(name, (reason) => {
        reject(reason);
        void transaction.rollback();
      });
    });
    // It is heard of where the body has not settled.
    givenUp.catch(() => {});
    const db: Queryable = { query: (text, values) => watch(transaction.db.query(text, values)) };
    try {
      const result = await Promise.race([(async () => body({ db }))(), givenUp]);
      if (over) throw over.reason;
      const json = encodeResult(name, unit, result);
      // What is being committed is not given up: where another attempt has taken over, it is fenced.
      running.set(name, () => {});
      await watch(transaction.commitWith((ofStep) => finishStep(ofStep, unit, name, json)));
      return json === null ? undefined : JSON.parse(json);
    } catch (error) {
      await transaction.rollback();
      throw error;
    } finally {
      running.delete(name);
    }
  }

  return {
    async step<T>(name: string, body: (context: StepContext) => Promise<T> | T): Promise<T> {
      checkName(name);
      const results = await finishedBefore();
      if (!results.has(name)) {
        if (running.has(name)) {
          throw new InvalidInputError(`Step '${name}' of ${unit.id} runs already: give each step a name of its own.`);
        }
        if (signal.aborted || over) throw over?.reason ?? signal.reason;
        results.set(name, await run(name, body));
        onFinished();
      }
      return results.get(name) as T;
    },
    end: () => end(new Error(`The attempt of ${unit.id} has ended: its steps are given up.`)),
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
