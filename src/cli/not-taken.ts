/** Subscriptions of which no worker process that runs delivers anything, and what to do about it. */

/** @param names of subscriptions, at least one */
export function describeNotTaken(names: readonly string[]): string {
  return `No worker process takes ${names.join(', ')}. ${howToTake(names)}`;
}

export const howToTake = (names: readonly string[]): string =>
  `Start 'tidemark worker' with an app that defines ${names.length === 1 ? 'it' : 'them'}, without --except ${names.join(',')}, or with --subscriptions ${names.join(',')}.`;
