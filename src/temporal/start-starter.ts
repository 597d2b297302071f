/** The starter loop over Temporal: claims from Postgres, starts executions, sweeps. */
import type { Client } from '@temporalio/client';
import { WORK_HINT } from '../postgres/hints.ts';
import { listen } from '../postgres/listen.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import type { ClaimOptions } from '../work/claim.ts';
import { DEFAULT_CLAIM_OPTIONS, runStarterLoop, type StarterLoop } from '../work/loop.ts';
import type { ObserveEnd } from '../work/observe.ts';
import { holdPart, liveParts, type Part } from '../work/part.ts';
import { installationId } from '../work/register.ts';
import { executionIsRunning, startClaim } from '../work/start.ts';
import { sweep } from '../work/sweep.ts';
import { missingSearchAttributes } from './connection.ts';
import { type GarbageSchedule, garbageSchedule, keepSchedules } from './keep-schedules.ts';
import { partOfTaskQueue, taskQueueOf } from './task-queue.ts';

export interface StarterOptions {
  pool: Pool;
  schema: string;
  client: Client;
  /** Direct connection for hints; absent: the loop only polls. */
  connectionString?: string;
  /** The client shares a worker's connection. */
  eager: boolean;
  /** Starts the executions of these subscriptions and no others, on their own task queue. */
  part?: Part;
  /** Subscriptions whose executions others start. */
  except?: readonly string[];
  claim?: Partial<ClaimOptions>;
  startDeadlineMs?: number;
  sweepEveryMs?: number;
  staleAfterMs?: number;
  pendingAfterMs?: number;
  /** Made sure of in the background; absent: schedules are left as they are. */
  garbage?: GarbageSchedule;
  log?: (level: 'info' | 'warn', message: string) => void;
  /** Told of units that Temporal refuses. */
  observe?: ObserveEnd | undefined;
}

export async function startStarter(options: StarterOptions): Promise<StarterLoop> {
  const { pool, schema, client, connectionString, eager, startDeadlineMs = 2_000, log = () => {} } = options;
  const db = inSchema(pool, schema);
  const claim = { ...DEFAULT_CLAIM_OPTIONS, ...options.claim };
  const installation = await installationId(db);
  const { part, except } = options;
  const taskQueue = taskQueueOf(installation, part?.id);
  // Before the first claim, so that nobody else claims what is this one's.
  const letGo = part ? await keepPart(db, part, (message) => log('warn', message)) : () => {};
  const missing = await missingSearchAttributes(client);
  if (missing.length > 0) {
    log('warn', `The namespace has no search attribute ${missing.join(', ')}: executions carry none. See tidemark doctor.`);
  }
  const isRunning = executionIsRunning({ client, deadlineMs: startDeadlineMs, eager }, async (queue) => {
    const waitsFor = partOfTaskQueue(installation, queue);
    return waitsFor !== undefined && !(await liveParts(db)).has(waitsFor);
  });
  const loop = runStarterLoop({
    db,
    claim,
    scope: { ...(part ? { only: part.groups } : {}), ...(except ? { except } : {}) },
    start: (claimed) =>
      startClaim(
        {
          db,
          client,
          taskQueue,
          leaseMs: claim.leaseMs,
          deadlineMs: startDeadlineMs,
          eager,
          searchAttributes: missing.length === 0,
          observe: options.observe,
        },
        claimed,
      ),
    sweep: () =>
      sweep(db, {
        staleAfterMs: options.staleAfterMs ?? 60_000,
        pendingAfterMs: options.pendingAfterMs ?? 60_000,
        isRunning,
        report: (message) => log('warn', message),
      }),
    ...(options.sweepEveryMs === undefined ? {} : { sweepEveryMs: options.sweepEveryMs }),
    onError: (step, error) => log('warn', `${step}: ${error instanceof Error ? error.message : String(error)}`),
  });
  // Their executions run on the task queue of the rest.
  const stopScheduling =
    options.garbage && !part
      ? keepSchedules({ client, pool, schema, ...garbageSchedule(options.garbage) }, (message) => log('warn', message))
      : async () => {};
  const unlisten =
    connectionString === undefined
      ? async () => {}
      : listen({
          connectionString,
          schema,
          // Hints of logs are for whoever follows them; an empty one comes with each new connection.
          onNotify: (payload) => (payload === WORK_HINT || payload === '') && loop.wake(),
        });
  return {
    wake: loop.wake,
    async stop() {
      letGo();
      await Promise.all([unlisten(), stopScheduling()]);
      await loop.stop();
    },
  };
}

/** A minute without this, and others run what is its own. */
const HOLD_EVERY_MS = 10_000;

/** @returns stops saying so; the part is its own for a minute more, for whoever comes after it */
async function keepPart(db: Database, part: Part, warn: (message: string) => void): Promise<() => void> {
  await holdPart(db, part);
  const timer = setInterval(() => {
    holdPart(db, part).catch((error) => warn(`part: ${error instanceof Error ? error.message : String(error)}`));
  }, HOLD_EVERY_MS);
  return () => clearInterval(timer);
}
