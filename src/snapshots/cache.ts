/**
 * Decoded blobs that a process has read or written lately, bounded by their estimated bytes; the least recently used go first.
 *
 * A key is the name of a blob that holds the sha-256 of its content. The same key is the same content for ever, in every log, so an old
 * entry is never a wrong one: a log that changed names other blobs. One cache serves a whole worker.
 * Values are shared between readers and must not be changed.
 */
export interface SnapshotCache {
  readonly maxBytes: number;
  /** Estimated bytes of what is held now; never more than `maxBytes`. */
  readonly bytes: number;
  get(key: string): unknown;
  /** Keeps `value` as `bytes` bytes. One larger than the whole cache is not kept. */
  set(key: string, value: unknown, bytes: number): void;
  clear(): void;
}

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

/** @param options.maxBytes default 64 MiB; 0 keeps nothing */
export function createSnapshotCache({ maxBytes = DEFAULT_CACHE_BYTES }: { maxBytes?: number } = {}): SnapshotCache {
  const held = new Map<string, { value: unknown; bytes: number }>();
  let total = 0;

  function forget(key: string): void {
    total -= held.get(key)?.bytes ?? 0;
    held.delete(key);
  }

  return {
    maxBytes,
    get bytes() {
      return total;
    },
    get(key) {
      const entry = held.get(key);
      if (entry === undefined) {
        return undefined;
      }
      // A Map iterates in insertion order: moving a key to the end is what makes the first key the least recently used.
      held.delete(key);
      held.set(key, entry);
      return entry.value;
    },
    set(key, value, bytes) {
      forget(key);
      if (bytes > maxBytes) {
        return;
      }
      held.set(key, { value, bytes });
      total += bytes;
      for (const oldest of held.keys()) {
        if (total <= maxBytes) {
          break;
        }
        forget(oldest);
      }
    },
    clear() {
      held.clear();
      total = 0;
    },
  };
}
