/** A table whose changes are read: its slot, and a reader of it in this process. */
import type { AnyChange } from '../../src/changes/on-change.ts';
import { applyChangesPlan, planChanges } from '../../src/changes/plan-changes.ts';
import { readChanges } from '../../src/changes/read-changes.ts';
import { applySubscriptions } from '../../src/messages/apply-subscriptions.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import type { BenchDatabase } from './environment.ts';

/** Until its slot is made, and nothing is read yet. */
export async function createChangeTable(database: BenchDatabase, statement: string, changes: readonly AnyChange[]): Promise<void> {
  const { owner, url } = database;
  await owner.query(statement);
  await owner.query(`do $$ begin execute format('alter role %I replication', '${new URL(url).username}'); end $$`);
  const db = inSchema(owner);
  await applySubscriptions(db, changes);
  await applyChangesPlan(db, await planChanges(db, changes));
  await readBacklog(database, changes, 0);
}

export interface RunningReader {
  reading: Promise<void>;
  stop(): Promise<void>;
}

/** @param onStored told of each page: how many changes it had. @returns when it reads */
export async function startReader(
  { pool, url }: BenchDatabase,
  changes: readonly AnyChange[],
  onStored: (count: number) => void = () => {},
): Promise<RunningReader> {
  const stop = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    ended = readChanges({
      ...{ pool, connectionString: url, schema: 'tidemark', changes, signal: stop.signal },
      onReading: (isReading) => isReading && resolve(),
      afterStore: (page) => onStored(page.changes.length),
    });
    ended.catch(reject);
  });
  return {
    reading: ended,
    stop() {
      stop.abort();
      return ended;
    },
  };
}

/** Until so many are stored. @returns milliseconds from when it reads */
export async function readBacklog(database: BenchDatabase, changes: readonly AnyChange[], count: number): Promise<number> {
  let left = count;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const reader = await startReader(database, changes, (stored) => {
    left -= stored;
    if (left <= 0) finish();
  });
  const startedAt = performance.now();
  if (count > 0) await Promise.race([finished, reader.reading]);
  const ms = performance.now() - startedAt;
  await reader.stop();
  return ms;
}
