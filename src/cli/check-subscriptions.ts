import type { Registry } from '../registry.ts';
import { UsageError } from './usage-error.ts';

/** @throws UsageError for a name that the app has no worker for: misspelt, it would leave its messages to nobody */
export function checkSubscriptions(names: readonly string[], { workers }: Registry): void {
  const unknown = names.find((name) => !workers.has(name));
  if (unknown !== undefined) {
    const known = [...workers.keys()].join(', ') || 'there are none';
    throw new UsageError(`'${unknown}' is not a subscription of this app (${known}).`);
  }
}
