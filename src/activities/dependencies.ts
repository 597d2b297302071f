import type { Pool } from '../postgres/pool.ts';
import type { ObserveEnd } from '../work/observe.ts';
import type { UnitHandler } from '../work/unit.ts';

/** What activities work with; bound once when the worker is built. */
export interface ActivityDependencies {
  pool: Pool;
  /** Name of the schema, unquoted. */
  schema: string;
  handlerOf: (workflow: string) => UnitHandler | undefined;
  /** Told of each end. */
  observe?: ObserveEnd | undefined;
}
