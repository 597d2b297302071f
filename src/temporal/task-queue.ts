/** Tests, staging and production may share a Temporal server: each installation has a task queue of its own. */
export function taskQueueOf(installation: string, part?: string): string {
  return part === undefined ? `tidemark-${installation}` : `tidemark-${installation}-${part}`;
}

/** @returns the part whose task queue this is; undefined for that of the rest */
export function partOfTaskQueue(installation: string, taskQueue: string): string | undefined {
  const prefix = `${taskQueueOf(installation)}-`;
  return taskQueue.startsWith(prefix) ? taskQueue.slice(prefix.length) : undefined;
}
