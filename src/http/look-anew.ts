/**
 * The same look for everybody who asks at the same time, that begins after they have asked: one that is under way may not see what came before a
 * call. Those who come meanwhile wait for the next one, together.
 */
export function lookAnew<T>(look: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;

  function start(): Promise<T> {
    const mine = look().finally(() => {
      if (running === mine) {
        running = undefined;
      }
    });
    running = mine;
    return mine;
  }

  return () => {
    if (running === undefined) {
      return start();
    }
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
