/** How many messages this process has published, by topic: what its metrics say. Those whose transaction was rolled back are among them. */
const counts = new Map<string, number>();

export function countPublished(topic: string): void {
  counts.set(topic, (counts.get(topic) ?? 0) + 1);
}

export function publishedCounts(): ReadonlyMap<string, number> {
  return counts;
}
