/** Long computations on the event loop: leases, heartbeats and other units live on the same one. */
import { setImmediate } from 'node:timers/promises';

/** Well under the 200 ms that a heartbeat or a lease can spare, well over what a turn of the loop costs. */
const BREATHE_EVERY_MS = 40;

export interface Breather {
  /** Whether it is time; cheap, but not free (about 40 ns). */
  isDue(): boolean;
  /** Lets the event loop turn once. @throws the signal's reason once it is aborted */
  breathe(): Promise<void>;
}

export function createBreather(signal?: AbortSignal): Breather {
  let last = performance.now();
  return {
    isDue: () => performance.now() - last >= BREATHE_EVERY_MS,
    async breathe() {
      await setImmediate();
      last = performance.now();
      signal?.throwIfAborted();
    },
  };
}
