/** How many jobs this process has enqueued, by name: what its metrics say. Those whose transaction was rolled back are among them. */
const counts = new Map<string, number>();

export function countEnqueued(name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

export function enqueuedCounts(): ReadonlyMap<string, number> {
  return counts;
}
