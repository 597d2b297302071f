/** Hears of each entry that is cleared as soon as that is committed: by a trigger of the figure's own, the same for both sides. */
import { listen } from '../../src/postgres/listen.ts';
import type { BenchDatabase } from './environment.ts';

export interface ClearedListener {
  /** When an entry of this log was cleared, in ms of performance.now(). */
  next(logId: string): Promise<number>;
  stop(): Promise<void>;
}

const SCHEMA = 'bench';

export async function listenForCleared({ owner, url }: BenchDatabase): Promise<ClearedListener> {
  await owner.query(`
    create function public.tell_cleared() returns trigger language plpgsql as $$
    begin
      perform pg_notify('${SCHEMA}_wake', new.log_id);
      return null;
    end
    $$;
    create trigger tell_cleared after update of pending on tidemark.entries
      for each row when (old.pending is not null and new.pending is null) execute function public.tell_cleared()`);
  const waiting = new Map<string, (at: number) => void>();
  let heard = () => {};
  const listening = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const stop = listen({
    connectionString: url,
    schema: SCHEMA,
    onNotify(logId) {
      // The first one, without a log, says that it listens.
      heard();
      waiting.get(logId)?.(performance.now());
      waiting.delete(logId);
    },
  });
  await listening;
  return { next: (logId) => new Promise((resolve) => waiting.set(logId, resolve)), stop };
}
