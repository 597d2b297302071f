/** An execution outlives the failures of its attempts: only a unit that gave up ends it as failed. */
import { randomUUID } from 'node:crypto';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CarryOutActivities, CarryOutOutcome } from '../../src/activities/types.ts';
import { temporalAddress, workflowBundle } from '../support/servers.ts';

let native: NativeConnection;
let client: Client;

beforeAll(async () => {
  native = await NativeConnection.connect({ address: temporalAddress() });
  client = new Client({ connection: await Connection.connect({ address: temporalAddress() }) });
});

afterAll(async () => {
  await client.connection.close();
  await native.close();
});

/** More often than one local activity is tried before its workflow hears of it. */
const FAILURES = 4;

async function carryOut(activities: CarryOutActivities): Promise<unknown> {
  const taskQueue = `carry-out-${randomUUID()}`;
  const worker = await Worker.create({ connection: native, namespace: 'default', taskQueue, activities, workflowBundle: workflowBundle() });
  return worker.runUntil(client.workflow.execute('snapshot', { taskQueue, workflowId: taskQueue, args: ['snapshot/a/1', 1] }));
}

/** Fails so many times, as an attempt does while Postgres is away; then answers. */
function failing(times: number, answer: CarryOutOutcome): () => Promise<CarryOutOutcome> {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls <= times) throw ApplicationFailure.create({ type: 'Error', message: 'connect ECONNREFUSED' });
    return answer;
  };
}

test('a short attempt that fails again and again is tried again until it ends', async () => {
  const ended = await carryOut({ runUnit: failing(FAILURES, { type: 'finished' }), runLongUnit: failing(0, { type: 'finished' }) });
  expect(ended).toBe('finished');
});

test('a long attempt that fails again and again is tried again until it ends', async () => {
  const ended = await carryOut({ runUnit: failing(0, { type: 'long' }), runLongUnit: failing(FAILURES, { type: 'finished' }) });
  expect(ended).toBe('finished');
});

test('a unit that gave up fails its execution, with its error', async () => {
  const dead = carryOut({
    runUnit: failing(FAILURES, { type: 'dead', code: 'fold_failed', message: 'no' }),
    runLongUnit: failing(0, { type: 'finished' }),
  });
  await expect(dead).rejects.toThrow(WorkflowFailedError);
  await expect(dead).rejects.toHaveProperty('cause.type', 'fold_failed');
});
