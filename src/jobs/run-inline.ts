/**
 * Carries out one job in this process: the same claim, beginning, handler, fences and ends as a worker's, and the waits between its attempts.
 *
 * It ends when the job has, whoever runs it: where a starter was faster, it waits for that. An outage of the database is waited out for half a minute;
 * after that, and when the process is asked to stop, the job is left to whoever looks next.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { beginWork } from '../work/begin.ts';
import { renewWork } from '../work/claim.ts';
import { runUnit } from '../work/run-unit.ts';
import type { UnitHandler } from '../work/unit.ts';
import type { WatchFence } from '../work/watch-fences.ts';
import type { PoolsOfJobs } from './pool-of-jobs.ts';
import type { Turns } from './turns.ts';

export interface RunInlineOptions {
  pools: PoolsOfJobs;
  /** Of the attempts of this process: one waits for its turn before it is claimed. */
  turns: Turns;
  schema: string;
  signal: AbortSignal;
  watch: WatchFence;
}

export interface InlineJob {
  workId: string;
  handler: UnitHandler;
  /** 'ended': for whatever it takes. 'never': neither for its time nor for whoever else has it or its place. */
  wait: 'ended' | 'never';
}

const LEASE_MS = 10_000;
/** Well within the minute after which one is taken for dead. */
const HOLD_EVERY_MS = 10_000;
const MAX_POLL_MS = 500;
const BUSY_POLL_MS = 100;
const FIRST_OUTAGE_PAUSE_MS = 250;
const MAX_OUTAGES = 7;

/** @returns 'later' where it is left to whoever has it */
export async function runInline({ workId, handler, wait }: InlineJob, options: RunInlineOptions): Promise<'ended' | 'later'> {
  const { pools, turns, schema, signal } = options;
  const db = inSchema(pools.statements, schema);
  for (let outages = 0; ; ) {
    const token = randomUUID();
    try {
      const giveBack = await turns.take(signal);
      try {
        const { answer, epoch, waitMs } = await claimJob(db, workId, token);
        if (answer === 'ended') {
          return 'ended';
        }
        if (answer === 'paused' || (wait === 'never' && answer !== 'claimed')) {
          return 'later';
        }
        if (answer !== 'claimed') {
          giveBack();
          await delay(answer === 'busy' ? BUSY_POLL_MS : Math.min(waitMs, MAX_POLL_MS), undefined, { signal });
          continue;
        }
        const isOutage = await attempt(workId, { ...options, handler, epoch, token });
        if (!isOutage) {
          outages = 0;
          continue;
        }
      } finally {
        giveBack();
      }
      await renewWork(db, `inline/${token}`);
    } catch {
      if (signal.aborted) {
        await renewWork(db, `inline/${token}`).catch(() => {});
        return 'later';
      }
    }
    outages += 1;
    if (outages === MAX_OUTAGES) {
      return 'later';
    }
    await delay(FIRST_OUTAGE_PAUSE_MS * 2 ** (outages - 1), undefined, { signal }).catch(() => {});
  }
}

type ClaimAnswer = 'claimed' | 'later' | 'busy' | 'paused' | 'ended';

async function claimJob(db: Database, workId: string, token: string): Promise<{ answer: ClaimAnswer; epoch: number; waitMs: number }> {
  const { rows } = await db.prepared(
    `select answer, epoch, wait_ms from ${db.schema}.claim_job($1::text, $2::uuid, $3::integer * interval '1 millisecond')`,
    [workId, token, LEASE_MS],
  );
  const { answer, epoch, wait_ms: waitMs } = rows[0];
  return { answer, epoch: Number(epoch), waitMs };
}

interface AttemptInline extends RunInlineOptions {
  handler: UnitHandler;
  epoch: number;
  token: string;
}

/** @returns whether it says nothing of the job: the database did not answer, or the process is stopping */
async function attempt(workId: string, { pools, schema, signal, watch, handler, epoch, token }: AttemptInline): Promise<boolean> {
  const db = inSchema(pools.statements, schema);
  let unit = await beginWork(db, workId, epoch);
  for (; unit === 'later'; unit = await beginWork(db, workId, epoch)) {
    // Processes have died while it ran, or beside it: one such at a time.
    await delay(MAX_POLL_MS, undefined, { signal });
  }
  if (!unit || unit.state === 'dead') {
    return false;
  }
  const hold = setInterval(() => {
    db.query(`select ${db.schema}.hold_job($1::text, $2::uuid)`, [workId, token]).catch(() => {});
  }, HOLD_EVERY_MS);
  try {
    const outcome = await runUnit(unit, handler, { ...pools, schema, signal, watch, deadlineMs: handler.deadlineMs });
    return outcome.type === 'failed' && outcome.kind === 'infrastructure';
  } finally {
    clearInterval(hold);
  }
}
