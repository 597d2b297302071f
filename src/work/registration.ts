/**
 * An application may ask for its own work before its first worker has started: the names are registered by whoever comes first.
 *
 * Once per process, on a connection of its own. A caller's transaction that asks for one of the names meanwhile registers them itself,
 * because it may hold the only connection there is; that lasts if it commits, and is repeated if not.
 */
import type { Database } from '../postgres/queryable.ts';
import { registerWorkflows } from './register.ts';

export interface Registration {
  /** Before a transaction of our own. */
  ensure(): Promise<void>;
  /** In a caller's transaction that asks for this work. */
  ensureWithin(tx: Database, workflow: string): Promise<void>;
}

export function createRegistration(db: Database, names: readonly string[]): Registration {
  let registered = names.length === 0;
  let registering: Promise<void> | undefined;

  async function ensure(): Promise<void> {
    if (registered) {
      return;
    }
    registering ??= registerWorkflows(db, names)
      .then(() => {
        registered = true;
      })
      .finally(() => {
        registering = undefined;
      });
    await registering;
  }

  return {
    ensure,
    async ensureWithin(tx, workflow) {
      if (!registered && names.includes(workflow)) {
        await registerWorkflows(tx, names);
        // For the next one. Its outcome is not this transaction's concern: it has registered what it needs.
        ensure().catch(() => {});
      }
    },
  };
}
