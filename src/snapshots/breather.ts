/** Long computations on the event loop: leases, heartbeats and other units live on the same one. */
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
  // One turn for all tasks that wait: with one each, they would run one after another before the next timer is looked at.
  let turn: Promise<void> | undefined;
  return {
    isDue: () => performance.now() - last >= BREATHE_EVERY_MS,
    async breathe() {
      turn ??= nextTurn().then(() => {
        turn = undefined;
        last = performance.now();
      });
      await turn;
      signal?.throwIfAborted();
    },
  };
}

function nextTurn(): Promise<void> {
  // Browsers have no setImmediate; what they have may come a few milliseconds later.
  return new Promise((resolve) => (typeof setImmediate === 'function' ? setImmediate(resolve) : setTimeout(resolve)));
}
