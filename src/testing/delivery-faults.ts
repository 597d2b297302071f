/**
 * What goes wrong with deliveries and jobs, on purpose: for a test that a handler may run twice. A fault strikes the first units of its group; then all goes
 * well. What a handler wrote through its `db` in an attempt that was struck is gone, whatever else it did has happened.
 */
import { InvalidInputError, UnavailableError } from '../errors.ts';
import type { Pool } from '../postgres/pool.ts';
import type { Unit, UnitContext, UnitHandler, UnitOutcome } from '../work/unit.ts';
import { UnitTransaction } from '../work/unit-database.ts';

export interface DeliveryFault {
  /** Whose deliveries it strikes. */
  subscription?: string;
  /** Instead of a subscription, the name of a job. */
  job?: string;
  /**
   * 'crash-after-effect': the worker dies when the handler has ended, before that is recorded. The next attempt runs it again.
   * 'duplicate': two workers have the message at once; of one of them nothing counts. Not of jobs.
   * 'timeout': the handler's signal is aborted while it runs, as at its deadline: a failed attempt.
   */
  fault: 'crash-after-effect' | 'duplicate' | 'timeout';
  /** How many units it strikes, 1 or 2. Default 1. */
  times?: number;
}

/** How many units each has struck. */
const counts = new WeakMap<DeliveryFault, number>();

type Run = () => Promise<UnitOutcome | 'long'>;
type Strike = (unit: Unit, context: UnitContext, handler: UnitHandler) => ReturnType<Run>;

/** @throws InvalidInputError for a subscription that has no handler here */
export function withFaults(
  handlers: readonly UnitHandler[],
  faults: readonly DeliveryFault[],
  { pool, schema }: { pool: Pool; schema: string },
): readonly UnitHandler[] {
  const strikes: Record<DeliveryFault['fault'], Strike> = {
    'crash-after-effect': async (unit, context, handler) => {
      await handler.run(unit, context);
      throw new UnavailableError(`The worker of ${unit.id} has died after its effect, as the test wants it.`);
    },
    async duplicate(unit, context, handler) {
      const other = new UnitTransaction(pool, schema);
      // Not waited for: it may wait for a lock that this one's end releases.
      void handler
        .run(unit, { ...context, db: other.db, recordProgress: async () => {} })
        .catch(() => {})
        .finally(() => other.rollback());
      return handler.run(unit, context);
    },
    async timeout(unit, context, handler) {
      const deadline = new AbortController();
      const reason = new Error(`The attempt of ${unit.id} has reached its deadline, as the test wants it.`);
      const running = handler.run(unit, { ...context, signal: AbortSignal.any([context.signal, deadline.signal]) });
      const aborting = new Promise<never>((_, reject) => {
        setImmediate(() => {
          deadline.abort(reason);
          reject(reason);
        });
      });
      running.catch(() => {});
      return aborting;
    },
  };

  const struck = new Map<UnitHandler, UnitHandler>();
  for (const given of faults) {
    const { subscription, job, fault, times = 1 } = given;
    const [kind, name] = job === undefined ? ['delivery', subscription] : ['job', job];
    const original = handlers.find(({ workflow, group }) => workflow === kind && group === name);
    const allowed = Object.keys(strikes).filter((known) => kind === 'delivery' || known !== 'duplicate');
    if (original === undefined || name === undefined || !allowed.includes(fault) || !(times === 1 || times === 2)) {
      throw new InvalidInputError(
        `The fault '${fault}' × ${times} of ${kind === 'job' ? 'job' : 'subscription'} '${name}' cannot be: use ${allowed.join(', ')}, 1 or 2 times, and a ${kind === 'job' ? 'job' : 'worker'} that the application has.`,
      );
    }
    const handler = struck.get(original) ?? original;
    const run: UnitHandler['run'] = (unit, context) => {
      const count = counts.get(given) ?? 0;
      if (count >= times) {
        return handler.run(unit, context);
      }
      counts.set(given, count + 1);
      return strikes[fault](unit, context, handler);
    };
    // A handler may decide anew each time whether it is long: its getters stay what they are.
    struck.set(original, Object.defineProperties({ run } as UnitHandler, withoutRun(handler)));
  }
  return handlers.map((handler) => struck.get(handler) ?? handler);
}

function withoutRun(handler: UnitHandler): PropertyDescriptorMap {
  const { run: _, ...others } = Object.getOwnPropertyDescriptors(handler);
  return others;
}
