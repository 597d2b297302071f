/**
 * Publish or enqueue, drain, expect: an application's messages and jobs in a test, from the asking to what was done. On Postgres in this process, on Postgres with
 * workers that are running on Temporal, or in memory.
 */
import type { Enqueuer } from '../jobs/enqueue.ts';
import { parseJobId, workIdOf } from '../jobs/job-id.ts';
import { applySubscriptions } from '../messages/apply-subscriptions.ts';
import type { Publisher } from '../messages/publish.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';
import type { WorkState } from '../work/unit.ts';
import { expectWork } from './expect-work.ts';
import type { MemoryTidemark } from './memory-tidemark.ts';
import { type RunUntilIdleOptions, runUntilIdle } from './run-until-idle.ts';
import type { WorkFilter, WorkView } from './work-view.ts';

/** How its drains run, unless they say otherwise. */
export type HarnessOptions = RunUntilIdleOptions;

export interface ExpectedDelivery {
  subscription: string;
  /** Absent: of any message. */
  messageId?: string;
  /** Of all that match. Default done. */
  state?: WorkState;
  /** How many match; absent: at least one. */
  count?: number;
}

export interface ExpectedJob {
  /** Its name; or the id that `enqueue` answered, `<name>:<id>`. */
  job: string;
  /** Of all that match. Default done. */
  state?: WorkState;
  /** How many match; absent: at least one. */
  count?: number;
}

/** EnqueueT is undefined in memory, where there are no jobs: see `runJob`. */
export interface Harness<PublishT, EnqueueT = Enqueuer['enqueue'] | undefined> {
  publish: PublishT;
  enqueue: EnqueueT;
  /** Until no delivery and no job is left that could run. One that failed runs again at once, whatever its retry policy says of when. */
  drain(options?: RunUntilIdleOptions): Promise<void>;
  /** @returns the deliveries, or the jobs. @throws AssertionError saying what is there instead */
  expect(expected: ExpectedDelivery | ExpectedJob): Promise<WorkView[]>;
}

/**
 * Applies the subscriptions of the application, so that what is published reaches its workers.
 * @example
 * const harness = await createHarness(tidemark);
 * const { messageId } = await harness.publish('order-placed', { orderId: 'o1' });
 * await harness.drain({ faults: [{ subscription: 'mail', fault: 'crash-after-effect' }] });
 * await harness.expect({ subscription: 'mail', messageId });
 */
export async function createHarness<AppT extends Tidemark | MemoryTidemark>(
  app: AppT,
  defaults: HarnessOptions = {},
): Promise<Harness<AppT['publish'], AppT extends Tidemark ? AppT['enqueue'] : undefined>> {
  if (!('memoryWork' in app)) {
    await applySubscriptions(inSchema(app.db, app.schema), [...app.registry.workers.values()]);
  }
  return {
    publish: app.publish as Publisher['publish'] as AppT['publish'],
    enqueue: ('enqueue' in app ? app.enqueue : undefined) as AppT extends Tidemark ? AppT['enqueue'] : undefined,
    async drain(options = {}) {
      const given = { ...defaults, ...options };
      // Copies: each counts what it has struck, over all rounds of this drain.
      const faults = given.faults?.map((fault) => ({ ...fault }));
      do {
        await runUntilIdle(app, { ...given, ...(faults ? { faults } : {}) });
      } while (!('memoryWork' in app) && (await hurryRetries(app)) > 0);
    },
    expect({ state = 'done', count, ...expected }) {
      return expectWork(app, { ...filterOf(expected), state, ...(count === undefined ? {} : { count }) });
    },
  };
}

function filterOf(expected: Omit<ExpectedDelivery, 'state' | 'count'> | Omit<ExpectedJob, 'state' | 'count'>): WorkFilter {
  if ('job' in expected) {
    return expected.job.includes(':')
      ? { workflow: 'job', id: workIdOf(parseJobId(expected.job)) }
      : { workflow: 'job', group: expected.job };
  }
  const { subscription, messageId } = expected;
  return { workflow: 'delivery', group: subscription, ...(messageId === undefined ? {} : { id: `delivery/${subscription}/${messageId}` }) };
}

/** @returns how many deliveries and jobs that failed may run again now */
async function hurryRetries(app: Tidemark): Promise<number> {
  const { schema, query } = inSchema(app.db, app.schema);
  const { rows } = await query(
    `update ${schema}.work set not_before = clock_timestamp()
     where workflow in ('delivery', 'job') and state = 'ready' and failures > 0 and not_before > clock_timestamp() returning 1`,
  );
  return rows.length;
}
