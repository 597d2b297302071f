/** A burst of units of the workflow 'mail', run as an activity runs it, by a handler that is a function. */
import { type BurstCounts, type BurstOptions, runBurst } from '../../src/work/run-burst.ts';
import type { Unit, UnitHandler } from '../../src/work/unit.ts';
import type { TestDatabase } from './database.ts';

export interface MailBurstOptions extends Partial<BurstOptions> {
  /** Of units that were begun together. */
  prepare?: (units: readonly Unit[]) => Promise<void>;
}

export function runMailBurst(
  { pool }: TestDatabase,
  burstId: string,
  handle: (unit: Unit) => unknown,
  { prepare, ...options }: MailBurstOptions = {},
): Promise<BurstCounts> {
  const handler: UnitHandler = {
    workflow: 'mail',
    deadlineMs: 20_000,
    maxAttempts: 3,
    ...(prepare ? { prepare } : {}),
    async run(unit) {
      await handle(unit);
      return {};
    },
  };
  return runBurst(burstId, {
    pool,
    schema: 'tidemark',
    handlerOf: () => handler,
    signal: new AbortController().signal,
    width: 8,
    unitBudgetMs: 5_000,
    goesOnForMs: 60_000,
    ...options,
  });
}

/** What handlers wait at until a test lets them go on. */
export function gate(): { open: () => void; opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
