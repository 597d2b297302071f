/**
 * Publish, drain, expect: an application's messages in a test, from the publish to what their workers did. On Postgres in this process, on Postgres with
 * workers that are running on Temporal, or in memory.
 */
import { applySubscriptions } from '../messages/apply-subscriptions.ts';
import type { Publisher } from '../messages/publish.ts';
import { inSchema } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';
import type { WorkState } from '../work/unit.ts';
import { expectWork } from './expect-work.ts';
import type { MemoryTidemark } from './memory-tidemark.ts';
import { type RunUntilIdleOptions, runUntilIdle } from './run-until-idle.ts';
import type { WorkView } from './work-view.ts';

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

export interface Harness<PublishT> {
  publish: PublishT;
  /** Until no delivery is left that could run. One that failed runs again at once, whatever its retry policy says of when. */
  drain(options?: RunUntilIdleOptions): Promise<void>;
  /** @returns the deliveries. @throws AssertionError saying what is there instead */
  expect(expected: ExpectedDelivery): Promise<WorkView[]>;
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
): Promise<Harness<AppT['publish']>> {
  if (!('memoryWork' in app)) {
    await applySubscriptions(inSchema(app.db, app.schema), [...app.registry.workers.values()]);
  }
  return {
    publish: app.publish as Publisher['publish'] as AppT['publish'],
    async drain(options = {}) {
      const given = { ...defaults, ...options };
      // Copies: each counts what it has struck, over all rounds of this drain.
      const faults = given.faults?.map((fault) => ({ ...fault }));
      do {
        await runUntilIdle(app, { ...given, ...(faults ? { faults } : {}) });
      } while (!('memoryWork' in app) && (await hurryRetries(app)) > 0);
    },
    expect({ subscription, messageId, state = 'done', count }) {
      return expectWork(app, {
        group: subscription,
        workflow: 'delivery',
        state,
        ...(messageId === undefined ? {} : { id: `delivery/${subscription}/${messageId}` }),
        ...(count === undefined ? {} : { count }),
      });
    },
  };
}

/** @returns how many deliveries that failed may run again now */
async function hurryRetries(app: Tidemark): Promise<number> {
  const { schema, query } = inSchema(app.db, app.schema);
  const { rows } = await query(
    `update ${schema}.work set not_before = clock_timestamp()
     where workflow = 'delivery' and state = 'ready' and failures > 0 and not_before > clock_timestamp() returning 1`,
  );
  return rows.length;
}
