const MAX_BACKOFF_MS = 30_000;

/** How long to wait after `failures` of them in a row: doubled each time, at most 30 s, and spread so that clients do not come back together. */
export function backoffMs(failures: number, firstMs: number, mostMs = MAX_BACKOFF_MS): number {
  const most = Math.min(firstMs * 2 ** Math.min(failures - 1, 30), mostMs);
  return most * (0.5 + Math.random() / 2);
}
