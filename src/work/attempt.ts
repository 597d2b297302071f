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

type Abort = (reason: unknown) => void;

const runningUnder = new WeakMap<AbortSignal, Set<Abort>>();

/** Those that a signal aborts have one listener together: to add and remove one each costs more than all else here. */
function attemptsUnder(parent: AbortSignal): Set<Abort> {
  let attempts = runningUnder.get(parent);
  if (!attempts) {
    const aborts = new Set<Abort>();
    const abortAll = () => {
      for (const abort of aborts) abort(parent.reason);
    };
    parent.addEventListener('abort', abortAll, { once: true });
    runningUnder.set(parent, aborts);
    attempts = aborts;
  }
  return attempts;
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
  if (parent.aborted) {
    abort(parent.reason);
  }
  const siblings = attemptsUnder(parent);
  siblings.add(abort);
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
      siblings.delete(abort);
    },
  };
}
