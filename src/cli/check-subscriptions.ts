import { UsageError } from './usage-error.ts';

/**
 * @param where they are looked for: 'app', whose workers take them
 * @throws UsageError for one that is not known: misspelt, it would leave its messages to nobody
 */
export function checkSubscriptions(names: readonly string[], known: Iterable<string>, where: 'app' | 'database'): void {
  const all = new Set(known);
  const unknown = names.find((name) => !all.has(name));
  if (unknown !== undefined) {
    throw new UsageError(`'${unknown}' is not a subscription of this ${where} (${[...all].join(', ') || 'there are none'}).`);
  }
}
