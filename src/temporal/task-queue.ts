/** Tests, staging and production may share a Temporal server: each installation has a task queue of its own. */
export function taskQueueOf(installation: string): string {
  return `tidemark-${installation}`;
}
