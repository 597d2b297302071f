/** The reader of an application's row changes, as `tidemark cdc` runs it. */
import { setTimeout as delay } from 'node:timers/promises';
import { applyChangesPlan, planChanges } from '../changes/plan-changes.ts';
import { readChanges } from '../changes/read-changes.ts';
import { SetupError } from '../errors.ts';
import type { Logger } from '../logging.ts';
import { applySubscriptions } from '../messages/apply-subscriptions.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { inTransaction } from '../postgres/transaction.ts';
import type { Registry } from '../registry.ts';

export interface ChangeReaderOptions {
  registry: Registry;
  pool: Pool;
  databaseUrl: string;
  schema: string;
  /** Brings about first what has to be: see planChanges. */
  apply: boolean;
  recover: boolean;
  /** What a person has to do is told, and looked for again, instead of ending it: a table may be made later. */
  wait: boolean;
  log: Logger;
  signal: AbortSignal;
  onReading?: (reading: boolean) => void;
}

const LOOK_AGAIN_MS = 2_000;

/** Until the signal. @throws SetupError or SlotLostError, where a person has to do something */
export async function runChangeReader(options: ChangeReaderOptions): Promise<void> {
  const { wait, log, signal } = options;
  for (let told = ''; ; ) {
    try {
      return await applyAndRead(options);
    } catch (error) {
      if (!wait || !(error instanceof SetupError) || signal.aborted) throw error;
      if (error.message !== told) log.warn(error.message);
      told = error.message;
      await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  }
}

async function applyAndRead({ registry, pool, databaseUrl, schema, apply, log, ...options }: ChangeReaderOptions): Promise<void> {
  const { changes } = registry;
  if (apply) {
    const ran = await applyChanges(pool, schema, registry);
    for (const statement of ran) log.info(`applied: ${statement}`);
  }
  await readChanges({ ...options, pool, connectionString: databaseUrl, schema, changes, log: (level, message) => log[level](message) });
}

/** Subscriptions, publication and replica identities, in one transaction. @returns the statements that ran */
export function applyChanges(pool: Pool, schema: string, { changes }: Pick<Registry, 'changes'>): Promise<readonly string[]> {
  return inTransaction(pool, async (client) => {
    const db = inSchema(client, schema);
    await applySubscriptions(db, changes);
    const plan = await planChanges(db, changes);
    await applyChangesPlan(db, plan);
    return plan.statements;
  });
}
