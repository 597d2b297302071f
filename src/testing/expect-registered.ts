import { AssertionError } from 'node:assert';
import type { AnyWorker } from '../messages/define-worker.ts';
import type { Tidemark } from '../tidemark.ts';
import type { MemoryTidemark } from './memory-tidemark.ts';

/**
 * A worker that an application forgot to list gets no messages, and nothing else would say so.
 * @param worker it, or its subscription
 * @throws AssertionError
 */
export function expectRegistered(app: Pick<Tidemark | MemoryTidemark, 'registry'>, worker: AnyWorker | string): void {
  const { workers } = app.registry;
  const subscription = typeof worker === 'string' ? worker : worker.subscription;
  const found = workers.get(subscription);
  if (found !== undefined && (typeof worker === 'string' || found === worker)) {
    return;
  }
  const there = [...workers.keys()].join(', ') || 'none';
  throw new AssertionError({
    message: found
      ? `Subscription '${subscription}' is registered with another worker than this one. Is it wrapped when it is listed?`
      : `Subscription '${subscription}' is not registered (${there}). Add its worker to createTidemark({ workers }).`,
    stackStartFn: expectRegistered,
  });
}
