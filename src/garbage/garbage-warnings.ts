import type { GarbageReport } from './collect-garbage.ts';

/** What of a report a person has to know, a line each. */
export function garbageWarnings({ missing, postponed, skipped }: GarbageReport): string[] {
  const more = (count: number, listed: readonly unknown[]) => (count > listed.length ? `, and ${count - listed.length} more` : '');
  return [
    ...(missing.count === 0
      ? []
      : [
          `Blobs are missing that something refers to: ${missing.names.join(', ')}${more(missing.count, missing.names)}. Restore them from a backup.`,
        ]),
    ...(postponed.count === 0
      ? []
      : [
          `Work that may write blobs went on all the time, so these are left for the next collection: ${postponed.logs.join(', ')}${more(postponed.count, postponed.logs)}.`,
        ]),
    ...skipped.logs.map(({ log, reason }) => `Log '${log}' is not collected: ${reason}.`.replace(/\.\.$/, '.')),
    ...(skipped.count > skipped.logs.length ? [`${skipped.count - skipped.logs.length} more logs are not collected.`] : []),
  ];
}
