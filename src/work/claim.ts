/**
 * Claiming: ready units become claimed under a token and a lease, and are told which executions to start.
 * One claim at a time per installation, so `maxInFlight` and the caps of groups hold whatever the number of starters.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '../postgres/queryable.ts';
import type { ClaimScope } from './part.ts';

export interface ClaimOptions {
  /** Units that run alone at once, per installation. */
  maxInFlight: number;
  /** Of these, that have been claimed or started and not begun. Few: what a busy worker does not get to in time is run twice. */
  maxOnTheirWay: number;
  /** How long a claim is held before another starter may take it over. */
  leaseMs: number;
  /** Units of one burst; 0 turns bursts off. */
  burstSize: number;
  /** Units of a burst that run side by side, and what a burst counts against its group's cap. */
  burstWidth: number;
  /** A backlog of more than this many units beyond `maxInFlight` runs in bursts, and what comes where a group has ended so many within a second. */
  burstThreshold: number;
  /** Open bursts per workflow. */
  maxBursts: number;
}

/** An execution to start: of one unit, or of a burst of them. */
export interface ClaimedExecution {
  execution: string;
  workflow: string;
  group: string;
  /** Where it is of one unit. */
  unit?: { id: string; epoch: number; logId?: string };
  /** Where it is of a burst. */
  burst?: { id: string; units: number };
}

export interface Claim {
  token: string;
  units: number;
  executions: ClaimedExecution[];
}

export async function claimWork(db: Database, options: ClaimOptions, scope: ClaimScope = {}): Promise<Claim> {
  const token = randomUUID();
  const { rows } = await db.prepared(
    `select id, epoch, workflow, group_name, log_id, burst_id, execution
     from ${db.schema}.claim_work($1::uuid, $2::integer * interval '1 millisecond', $3::integer, $4::integer, $5::integer, $6::integer, $7::integer, $8::integer,
       $9::text[], $10::text[])`,
    [
      token,
      options.leaseMs,
      options.maxInFlight,
      options.burstSize,
      options.burstWidth,
      options.burstThreshold,
      options.maxBursts,
      options.maxOnTheirWay,
      scope.only ?? null,
      scope.except ?? null,
    ],
  );
  const executions = new Map<string, ClaimedExecution>();
  for (const row of rows) {
    const known = executions.get(row.execution);
    if (known?.burst) {
      known.burst.units += 1;
    } else {
      executions.set(row.execution, {
        execution: row.execution,
        workflow: row.workflow,
        group: row.group_name,
        ...(row.burst_id === null
          ? { unit: { id: row.id, epoch: Number(row.epoch), ...(row.log_id === null ? {} : { logId: row.log_id }) } }
          : { burst: { id: row.burst_id, units: 1 } }),
      });
    }
  }
  return { token, units: rows.length, executions: [...executions.values()] };
}

/** Temporal has these executions. */
export async function markStarted(db: Database, token: string, executions: readonly string[]): Promise<void> {
  await db.prepared(`select ${db.schema}.mark_work_started($1::uuid, $2::text[])`, [token, executions]);
}

/** Not started, or nobody knows: they are claimable again, under the same execution id. */
export async function releaseClaim(db: Database, token: string, executions: readonly string[]): Promise<void> {
  await db.query(`select ${db.schema}.release_claim($1::uuid, $2::text[])`, [token, executions]);
}

/** Temporal will never take this execution: its units are dead, with the reason. @returns how many */
export async function refuseClaim(
  db: Database,
  token: string,
  execution: string,
  error: { code: string; message: string },
): Promise<number> {
  const { rows } = await db.query(`select ${db.schema}.refuse_claimed_work($1::text, $2::uuid, $3::json) as units`, [
    execution,
    token,
    JSON.stringify(error),
  ]);
  return Number(rows[0].units);
}

/**
 * The execution is over while units of it are not: each gets a new epoch. With a claim, a unit alone stays claimed and is
 * returned to be started at once; units of a burst become ready, to run alone.
 */
export async function renewWork(
  db: Database,
  execution: string,
  claim?: { token: string; leaseMs: number },
): Promise<Omit<ClaimedExecution, 'group'>[]> {
  const { rows } = await db.query(
    `select id, epoch, workflow, log_id, execution, state from ${db.schema}.renew_work($1::text, $2::uuid, $3::integer * interval '1 millisecond')`,
    [execution, claim?.token ?? null, claim?.leaseMs ?? 0],
  );
  return rows
    .filter((row) => row.state === 'claimed')
    .map((row) => ({
      execution: row.execution,
      workflow: row.workflow,
      unit: { id: row.id, epoch: Number(row.epoch), ...(row.log_id === null ? {} : { logId: row.log_id }) },
    }));
}
