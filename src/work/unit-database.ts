import { checkOut } from '../postgres/check-out.ts';
import type { Pool, PoolClient } from '../postgres/pool.ts';
import { type Database, inSchema, type Queryable } from '../postgres/queryable.ts';

/** A transaction that begins with its first statement: a handler that writes nothing costs no round trip. */
export class UnitTransaction {
  /** For the handler. */
  readonly db: Queryable = { query: (text, values) => this.#query(text, values) };
  readonly #pool: Pool;
  readonly #schema: string;
  #opened: Promise<PoolClient> | undefined;
  #connected = false;
  #over = false;
  #givenUp = false;
  #inFlight = 0;
  #broken: Error | undefined;
  readonly #onError = (error: Error) => {
    this.#broken = error;
  };

  /** @param schema its name, unquoted */
  constructor(pool: Pool, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
  }

  /** @returns whether it ends without having sent a statement */
  closeUnused(): boolean {
    this.#over ||= this.#opened === undefined;
    return this.#opened === undefined;
  }

  /** Runs `finish` in the same transaction and commits it; without one, `finish` runs by itself. */
  async commitWith(finish: (db: Database) => Promise<void>): Promise<void> {
    this.#over = true;
    if (!this.#opened) {
      await finish(inSchema(this.#pool, this.#schema));
      return;
    }
    const client = await this.#opened;
    try {
      await finish(inSchema(client, this.#schema));
      await client.query('commit');
    } catch (error) {
      await this.rollback();
      throw error;
    }
    this.#opened = undefined;
    this.#close(client);
  }

  async rollback(): Promise<void> {
    this.#over = true;
    this.#givenUp = true;
    // Of two that give it up, one ends it.
    const taken = this.#opened;
    this.#opened = undefined;
    const undone = taken?.then(
      (client) => this.#undo(client),
      () => {},
    );
    if (this.#connected) {
      await undone;
    }
    // A connection that has not come yet is not waited for.
  }

  async #query(text: string, values?: unknown[]) {
    // A handler that goes on after its attempt has ended must not open a transaction that nobody commits.
    if (this.#over) throw ended();
    this.#opened ??= this.#open();
    const client = await this.#opened;
    if (this.#givenUp) throw ended();
    this.#inFlight += 1;
    try {
      return await client.query(text, values);
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #open(): Promise<PoolClient> {
    const client = await checkOut(this.#pool, this.#onError);
    await client.query('begin').catch((error) => {
      client.off('error', this.#onError);
      client.release(error);
      throw error;
    });
    this.#connected = true;
    return client;
  }

  async #undo(client: PoolClient): Promise<void> {
    if (this.#inFlight > 0) {
      // An attempt that is over does not wait for its statement: the connection goes, and the transaction with it.
      this.#broken ??= new Error('The attempt ended while its statement was running.');
    } else {
      await client.query('rollback').catch((error: Error) => {
        this.#broken = error;
      });
    }
    this.#close(client);
  }

  #close(client: PoolClient): void {
    client.off('error', this.#onError);
    client.release(this.#broken);
  }
}

const ended = () => new Error('This attempt has ended: its db takes no more statements.');
