import type { Pool } from '../postgres/pool.ts';
import type { ObserveEnd } from '../work/observe.ts';
import type { HandlerOf } from '../work/unit.ts';
import type { WatchFence } from '../work/watch-fences.ts';

/** What activities work with; bound once when the worker is built. */
export interface ActivityDependencies {
  pool: Pool;
  /** For statements beside the transactions of attempts. Default: `pool`. */
  statements?: Pool | undefined;
  /** Name of the schema, unquoted. */
  schema: string;
  handlerOf: HandlerOf;
  /** Tells attempts of what was cancelled. */
  watch: WatchFence;
  /** Told of each end. */
  observe?: ObserveEnd | undefined;
  /** A burst has ended, and with it the places that it held. */
  onBurstEnd?: () => void;
  /** Aborted when the worker has stopped: an attempt that no activity waits for ends then. */
  stopped?: AbortSignal | undefined;
}
