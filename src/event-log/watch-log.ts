/**
 * Hints that a log has grown, by looking at its end now and then. Only while somebody listens, and without keeping the process alive.
 *
 * A hint may come without a reason, once at the beginning for instance, and is late by up to the interval. While Postgres is away
 * there are none; nobody needs them then.
 */
import type { SequenceId } from './event-log.ts';

export interface WatchOptions {
  readEnd: () => Promise<SequenceId>;
  intervalMs: number;
}

/** @returns subscribe */
export function watchLog({ readEnd, intervalMs }: WatchOptions): (onChange: () => void) => () => void {
  const listeners = new Set<{ onChange: () => void }>();
  let timer: NodeJS.Timeout | undefined;
  let seen: SequenceId | undefined;
  let round = 0;

  async function look(current: number): Promise<void> {
    // A failure is met again, and heard of, by whoever then queries.
    const end = await readEnd().catch(() => seen);
    if (current !== round) {
      return;
    }
    timer = setTimeout(() => look(current), intervalMs).unref();
    if (end !== seen) {
      seen = end;
      for (const listener of [...listeners]) {
        listener.onChange();
      }
    }
  }

  return (onChange) => {
    const listener = { onChange };
    listeners.add(listener);
    if (listeners.size === 1) {
      seen = undefined;
      round += 1;
      void look(round);
    }
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) {
        round += 1;
        clearTimeout(timer);
      }
    };
  };
}
