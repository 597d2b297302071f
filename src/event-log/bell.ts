/** Wakes one waiter. A ring while nobody waits is kept for the next wait, until `reset`. */
export interface Bell {
  ring(): void;
  reset(): void;
  /** Resolves at a ring, after `ms`, or when the signal is aborted. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let wake = () => {};
  return {
    ring() {
      rung = true;
      wake();
    },
    reset() {
      rung = false;
    },
    async wait(ms, signal) {
      if (rung || signal?.aborted) {
        return;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal?.addEventListener('abort', wake, { once: true });
      });
      signal?.removeEventListener('abort', wake);
      wake = () => {};
    },
  };
}
