/** Whoever asks while `read` is on its way gets its answer, and so does whoever asks within `ms` after it. A failure is kept for as long. */
export function atMostEvery<T>(ms: number, read: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined;
  let freshUntil = 0;
  return () => {
    if (last === undefined || performance.now() >= freshUntil) {
      freshUntil = Number.POSITIVE_INFINITY;
      const reading = read().finally(() => {
        freshUntil = performance.now() + ms;
      });
      last = reading;
    }
    return last;
  };
}
