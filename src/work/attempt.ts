/**
 * The time that a running attempt has, and its signal: aborted with its worker's, and when it has been silent for its deadline.
 *
 * Each unit has one, and most need nothing of it: what costs more than a few stores is made when it is asked for, or shared.
 */

interface Siblings {
  readonly attempts: Set<RunningAttempt>;
  /** Called when the last one has ended. */
  leave(): void;
}

const running = new WeakMap<AbortSignal, Siblings>();

/** Those that a signal aborts: they have one listener together, for as long as there are any. */
function siblingsUnder(parent: AbortSignal): Siblings {
  const known = running.get(parent);
  if (known) {
    return known;
  }
  const attempts = new Set<RunningAttempt>();
  const abortAll = () => {
    for (const attempt of attempts) attempt.abort(parent.reason);
  };
  const siblings: Siblings = {
    attempts,
    leave() {
      parent.removeEventListener('abort', abortAll);
      running.delete(parent);
    },
  };
  parent.addEventListener('abort', abortAll, { once: true });
  running.set(parent, siblings);
  return siblings;
}

const silence = (deadlineMs: number) =>
  new Error(
    `The attempt neither ended nor made progress within ${deadlineMs} ms. Make it shorter, let it say that it goes on, or give it longer.`,
  );

export class RunningAttempt {
  readonly #siblings: Siblings;
  readonly #timer: NodeJS.Timeout;
  #controller: AbortController | undefined;
  #abortion: { reason: unknown } | undefined;
  #rejectRunning: ((reason: unknown) => void) | undefined;

  /** @param parent aborts it too */
  constructor(parent: AbortSignal, deadlineMs: number) {
    if (parent.aborted) {
      this.abort(parent.reason);
    }
    this.#siblings = siblingsUnder(parent);
    this.#siblings.attempts.add(this);
    this.#timer = setTimeout(() => this.abort(silence(deadlineMs)), deadlineMs);
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortion) this.#controller.abort(this.#abortion.reason);
    }
    return this.#controller.signal;
  }

  /** @returns as `running` does, but for an abort before that: then it rejects with the reason, and `running` is left to itself. */
  unlessAborted<T>(running: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#rejectRunning = reject;
      if (this.#abortion) reject(this.#abortion.reason);
      running.then(resolve, reject);
    });
  }

  /** It got further: the deadline counts from now. */
  extend(): void {
    this.#timer.refresh();
  }

  abort(reason: unknown): void {
    this.#abortion ??= { reason };
    this.#rejectRunning?.(this.#abortion.reason);
    this.#controller?.abort(this.#abortion.reason);
  }

  end(): void {
    clearTimeout(this.#timer);
    const { attempts, leave } = this.#siblings;
    if (attempts.delete(this) && attempts.size === 0) leave();
  }
}
