import { checkOut } from '../postgres/check-out.ts';
import type { Pool, PoolClient } from '../postgres/pool.ts';
import { type Database, inSchema, type Queryable } from '../postgres/queryable.ts';

/** A transaction that begins with its first statement: a handler that writes nothing costs no round trip. */
export interface UnitTransaction {
  /** For the handler. */
  db: Queryable;
  /** @returns whether it ends without having sent a statement */
  closeUnused(): boolean;
  /** Runs `finish` in the same transaction and commits it; without one, `finish` runs by itself. */
  commitWith(finish: (db: Database) => Promise<void>): Promise<void>;
  rollback(): Promise<void>;
}

export function unitTransaction(pool: Pool, schema: string): UnitTransaction {
  let opened: Promise<PoolClient> | undefined;
  let connected = false;
  let over = false;
  let givenUp = false;
  let inFlight = 0;
  let broken: Error | undefined;
  const ended = () => new Error('This attempt has ended: its db takes no more statements.');
  const onError = (error: Error) => {
    broken = error;
  };
  const open = async () => {
    const client = await checkOut(pool, onError);
    await client.query('begin').catch((error) => {
      client.off('error', onError);
      client.release(error);
      throw error;
    });
    connected = true;
    return client;
  };
  const close = (client: PoolClient) => {
    client.off('error', onError);
    client.release(broken);
  };
  const undo = async (client: PoolClient) => {
    if (inFlight > 0) {
      // An attempt that is over does not wait for its statement: the connection goes, and the transaction with it.
      broken ??= new Error('The attempt ended while its statement was running.');
    } else {
      await client.query('rollback').catch((error: Error) => {
        broken = error;
      });
    }
    close(client);
  };
  return {
    db: {
      async query(text, values) {
        // A handler that goes on after its attempt has ended must not open a transaction that nobody commits.
        if (over) throw ended();
        opened ??= open();
        const client = await opened;
        if (givenUp) throw ended();
        inFlight += 1;
        try {
          return await client.query(text, values);
        } finally {
          inFlight -= 1;
        }
      },
    },
    closeUnused() {
      over ||= opened === undefined;
      return opened === undefined;
    },
    async commitWith(finish) {
      over = true;
      if (!opened) {
        await finish(inSchema(pool, schema));
        return;
      }
      const client = await opened;
      try {
        await finish(inSchema(client, schema));
        await client.query('commit');
      } catch (error) {
        await this.rollback();
        throw error;
      }
      opened = undefined;
      close(client);
    },
    async rollback() {
      over = true;
      givenUp = true;
      // Of two that give it up, one ends it.
      const taken = opened;
      opened = undefined;
      const undone = taken?.then(undo, () => {});
      if (connected) {
        await undone;
      }
      // A connection that has not come yet is not waited for.
    },
  };
}
