/**
 * The only place that starts executions.
 *
 * A start carries a deterministic id, so it may be repeated: a handle means the execution runs. "Already started" means that a
 * closed one has this id: the unit's row decides whether it gets a new epoch. Every call has a deadline; what Temporal cannot
 * take now is released under the same id, what it will never take is dead.
 */

import { setTimeout as delay } from 'node:timers/promises';
import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { errorMessage, UnavailableError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { type Claim, type ClaimedExecution, markStarted, refuseClaim, releaseClaim, renewWork } from './claim.ts';
import type { ObserveEnd } from './observe.ts';

const LOG_ID = defineSearchAttributeKey('LogId', SearchAttributeType.KEYWORD);
const KIND = defineSearchAttributeKey('Kind', SearchAttributeType.KEYWORD);

/** How Temporal is called. */
export interface CallOptions {
  client: Client;
  /** How long one call to Temporal may take. */
  deadlineMs: number;
  /** The client shares its connection with a worker of this process. */
  eager: boolean;
}

export interface StartOptions extends CallOptions {
  db: Database;
  taskQueue: string;
  leaseMs: number;
  /** Whether the namespace has LogId and Kind. */
  searchAttributes: boolean;
  /** Told of units that Temporal refuses. */
  observe?: ObserveEnd | undefined;
}

/** How starting a claim went: the loop backs off when Temporal was unreachable or overloaded. */
export interface StartOutcome {
  started: number;
  unavailable?: unknown;
}

/** gRPC status codes that say "never": INVALID_ARGUMENT. */
const INVALID_ARGUMENT = 3;
/** Renewals of one unit in one claim: closed runs of a restored backup are stepped over one by one. */
const MAX_RENEWALS = 100;

type OneOutcome = { execution: ClaimedExecution } & ({ type: 'started' | 'finished' } | { type: 'unavailable'; error: unknown });

export async function startClaim(options: StartOptions, claim: Claim): Promise<StartOutcome> {
  const outcomes = await Promise.all(claim.executions.map((execution) => startOne(options, claim.token, execution)));
  const named = (type: OneOutcome['type']) => outcomes.filter((o) => o.type === type).map((o) => o.execution.execution);
  const started = named('started');
  if (started.length > 0) {
    await markStarted(options.db, claim.token, started);
  }
  const unavailable = outcomes.find((o) => o.type === 'unavailable');
  if (unavailable) {
    await releaseClaim(options.db, claim.token, named('unavailable'));
  }
  return { started: started.length, ...(unavailable ? { unavailable: (unavailable as { error: unknown }).error } : {}) };
}

async function startOne(options: StartOptions, token: string, claimed: ClaimedExecution): Promise<OneOutcome> {
  let execution = claimed;
  let { searchAttributes } = options;
  for (let renewals = 0; ; renewals += 1) {
    try {
      await start({ ...options, searchAttributes }, execution);
      return { execution, type: 'started' };
    } catch (thrown) {
      // What the server said is the cause of what the client throws.
      const error = thrown instanceof ServiceError && isGrpcServiceError(thrown.cause) ? thrown.cause : thrown;
      if (error instanceof WorkflowExecutionAlreadyStartedError && renewals < MAX_RENEWALS) {
        const [renewed] = await renewWork(options.db, execution.execution, { token, leaseMs: options.leaseMs });
        if (!renewed) {
          return { execution, type: 'finished' };
        }
        execution = { ...renewed, group: execution.group };
      } else if (
        isGrpcServiceError(error) &&
        error.code === INVALID_ARGUMENT &&
        searchAttributes &&
        /search attribute/i.test(error.message)
      ) {
        // The namespace has lost them since this starter began (its data was wiped, for example): they are for people, work is not.
        searchAttributes = false;
      } else if (isGrpcServiceError(error) && error.code === INVALID_ARGUMENT) {
        const message = `Temporal refuses to start ${execution.execution}: ${errorMessage(error)}`;
        const dead = await refuseClaim(options.db, token, execution.execution, { code: 'start_refused', message });
        for (let unit = 0; unit < dead; unit += 1) {
          options.observe?.({ group: execution.group, outcome: 'dead', durationMs: 0 });
        }
        return { execution, type: 'finished' };
      } else {
        return { execution, type: 'unavailable', error };
      }
    }
  }
}

async function start(options: StartOptions, claimed: ClaimedExecution): Promise<void> {
  const { client, taskQueue, eager, searchAttributes } = options;
  const { execution, workflow, unit, burst } = claimed;
  const attributes = [
    { key: KIND, value: burst ? 'burst' : workflow },
    ...(unit?.logId === undefined ? [] : [{ key: LOG_ID, value: unit.logId }]),
  ];
  await withinDeadline(options, () =>
    client.workflow.start(burst ? 'burst' : workflow, {
      workflowId: execution,
      taskQueue,
      args: burst ? [burst.id] : [unit?.id, unit?.epoch],
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      // A worker killed during a short unit is noticed by this timeout.
      workflowTaskTimeout: '2 seconds',
      staticSummary: burst ? `${burst.units} × ${workflow}` : (unit?.id ?? workflow),
      ...(searchAttributes ? { typedSearchAttributes: attributes } : {}),
      ...(eager ? { requestEagerStart: true } : {}),
    }),
  );
}

/**
 * Whether an execution runs. Throws where Temporal cannot say.
 * @param isAbandoned whether nobody polls this task queue any more: what waits there is terminated, and does not run
 */
export function executionIsRunning(
  options: CallOptions,
  isAbandoned: (taskQueue: string) => Promise<boolean> = async () => false,
): (execution: string) => Promise<boolean> {
  return async (execution) => {
    const handle = options.client.workflow.getHandle(execution);
    try {
      const { status, taskQueue } = await withinDeadline(options, () => handle.describe());
      if (status.name !== 'RUNNING' && status.name !== 'PAUSED') {
        return false;
      }
      if (!(await isAbandoned(taskQueue))) {
        return true;
      }
      await withinDeadline(options, () => handle.terminate('No worker of its part is left: its units run elsewhere.'));
      return false;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) {
        return false;
      }
      throw error;
    }
  };
}

/**
 * The call's own deadline is enough for a connection of the client library, which may not be left with a call when it is closed. A worker's,
 * when it finds no server, tries again past it, for ten seconds, longer than a lease: such a call is given up here. It may still come
 * through; that is the same id, as always.
 * @throws UnavailableError
 */
async function withinDeadline<T>({ client, deadlineMs, eager }: CallOptions, call: () => Promise<T>): Promise<T> {
  const answer = client.connection.withDeadline(Date.now() + deadlineMs, call);
  if (!eager) {
    return answer;
  }
  const answered = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: answered.signal }).then(() => {
    throw new UnavailableError(`Temporal did not answer within ${deadlineMs} ms.`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    late.catch(() => {});
    answered.abort();
  }
}
