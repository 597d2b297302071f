/** Of a short deadline a quarter of it. */
const LEAST_MS = 500;

/** What a handler calls: heartbeats that come faster than needed are one. @param context the attempt's. @param beat throws FencedError when another attempt has taken over */
export function createHeartbeat(
  context: { readonly signal: AbortSignal },
  ackDeadlineMs: number,
  beat: () => Promise<void>,
): () => Promise<void> {
  const leastMs = Math.min(LEAST_MS, ackDeadlineMs / 4);
  let beatenAt = Number.NEGATIVE_INFINITY;
  return async () => {
    context.signal.throwIfAborted();
    if (performance.now() - beatenAt >= leastMs) {
      beatenAt = performance.now();
      await beat();
    }
  };
}
