/** Counts of who asks how often, in this process: two servers allow twice as much. Whoever is over the limit waits until their window ends. */

export interface RateLimit {
  /** Counts one. @returns undefined where that was allowed; else when to come back, in ms */
  take(key: string): number | undefined;
  /** One that was taken did not count after all. */
  giveBack(key: string): void;
}

export interface RateLimitOptions {
  /** In one window; undefined: no limit. */
  most: number | undefined;
  windowMs: number;
  /** Keys that are remembered; beyond it the oldest are let go of. */
  mostKeys?: number;
  now?: () => number;
}

export function createRateLimit({ most, windowMs, mostKeys = 50_000, now = () => performance.now() }: RateLimitOptions): RateLimit {
  const windows = new Map<string, { endsAt: number; count: number }>();

  const look = (key: string): number | undefined => {
    const window = windows.get(key);
    return most !== undefined && window !== undefined && window.count >= most && window.endsAt > now() ? window.endsAt - now() : undefined;
  };

  return {
    giveBack(key) {
      const window = windows.get(key);
      if (window !== undefined && window.count > 0) window.count -= 1;
    },
    take(key) {
      if (most === undefined) {
        return undefined;
      }
      const over = look(key);
      if (over !== undefined) {
        return over;
      }
      const window = windows.get(key);
      if (window !== undefined && window.endsAt > now()) {
        window.count += 1;
        return undefined;
      }
      // A map keeps the order of insertion: the window that began first is its first one.
      windows.delete(key);
      windows.set(key, { endsAt: now() + windowMs, count: 1 });
      if (windows.size > mostKeys) {
        windows.delete(windows.keys().next().value as string);
      }
      return undefined;
    },
  };
}
