/** Which logs exist, and of which type: remembered by a process to spare a look per operation. Only ever a shortcut. */
export interface KnownLogs {
  has(type: string, id: string): boolean;
  add(type: string, id: string): void;
  forget(type: string, id: string): void;
}

/** Past this many it starts anew: a bounded memory of what is only a shortcut. */
const MAX_KNOWN = 10_000;

export function createKnownLogs(): KnownLogs {
  const known = new Set<string>();
  const key = (type: string, id: string) => `${type} ${id}`;
  return {
    has: (type, id) => known.has(key(type, id)),
    add(type, id) {
      if (known.size >= MAX_KNOWN) {
        known.clear();
      }
      known.add(key(type, id));
    },
    forget: (type, id) => known.delete(key(type, id)),
  };
}
