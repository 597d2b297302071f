/** So many at once; others wait for their turn, in the order they came. */
export interface Turns {
  /** @returns gives it back, once. @throws the signal's reason, where that is aborted before its turn has come */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createTurns(atOnce: number): Turns {
  let free = atOnce;
  const waiting = new Set<() => void>();

  function giveBack(): void {
    const [next] = waiting;
    if (next) {
      waiting.delete(next);
      next();
    } else {
      free += 1;
    }
  }

  return {
    async take(signal) {
      signal.throwIfAborted();
      if (free === 0) {
        await new Promise<void>((resolve, reject) => {
          const onTurn = () => {
            signal.removeEventListener('abort', onAbort);
            resolve();
          };
          const onAbort = () => {
            waiting.delete(onTurn);
            reject(signal.reason);
          };
          waiting.add(onTurn);
          signal.addEventListener('abort', onAbort, { once: true });
        });
      } else {
        free -= 1;
      }
      let isBack = false;
      return () => {
        if (!isBack) giveBack();
        isBack = true;
      };
    },
  };
}
