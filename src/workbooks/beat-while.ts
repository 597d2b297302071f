/** A sign of life at least so often, where something is waited for that ends by itself. */
export const BEAT_MS = 20_000;

/** @param call that has a deadline of its own. @param beat what it throws is found again by whatever the attempt writes next */
export async function beatWhile<T>(call: Promise<T>, beat: () => Promise<void>): Promise<T> {
  const timer = setInterval(() => void beat().catch(() => {}), BEAT_MS);
  try {
    return await call;
  } finally {
    clearInterval(timer);
  }
}
