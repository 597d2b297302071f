/** The time that a running attempt has, and its signal: aborted with its worker's, and when it has been silent for its deadline. */

export interface RunningAttempt {
  /** Made when it is first asked for: most handlers never look at it, and one costs more than all else here. */
  readonly signal: AbortSignal;
  /** @returns as `running` does, but for an abort before that: then it rejects with the reason, and `running` is left to itself. */
  unlessAborted<T>(running: Promise<T>): Promise<T>;
  /** It got further: the deadline counts from now. */
  extend(): void;
  abort(reason: Error): void;
  end(): void;
}

/** @param parent aborts it too */
export function startAttempt(parent: AbortSignal, deadlineMs: number): RunningAttempt {
  let controller: AbortController | undefined;
  let abortion: { reason: unknown } | undefined;
  let rejectRunning: (reason: unknown) => void = () => {};
  const abort = (reason: unknown) => {
    abortion ??= { reason };
    rejectRunning(abortion.reason);
    controller?.abort(abortion.reason);
  };
  const onParentAbort = () => abort(parent.reason);
  if (parent.aborted) {
    onParentAbort();
  }
  parent.addEventListener('abort', onParentAbort, { once: true });
  const onDeadline = () =>
    abort(
      new Error(
        `The attempt neither ended nor made progress within ${deadlineMs} ms. Make it shorter, let it say that it goes on, or give it longer.`,
      ),
    );
  const timer = setTimeout(onDeadline, deadlineMs);
  return {
    get signal() {
      if (!controller) {
        controller = new AbortController();
        if (abortion) controller.abort(abortion.reason);
      }
      return controller.signal;
    },
    unlessAborted: (running) =>
      new Promise((resolve, reject) => {
        rejectRunning = reject;
        if (abortion) reject(abortion.reason);
        running.then(resolve, reject);
      }),
    extend: () => void timer.refresh(),
    abort,
    end() {
      clearTimeout(timer);
      parent.removeEventListener('abort', onParentAbort);
    },
  };
}
