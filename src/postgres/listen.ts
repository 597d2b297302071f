/**
 * A NOTIFY is a latency hint and nothing else: it is sent after commit, may be lost or doubled, and whoever listens also polls.
 * Listening needs a direct connection (behind a transaction pooler nothing arrives); when it breaks it is made again, and
 * the listener is told once, since hints may have been missed meanwhile.
 */

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { DEFAULT_SCHEMA, type Queryable, quoteSchema } from './queryable.ts';

/** 'work': something may be claimable. 'log:<id>' hints travel as the payload of the same channel. */
export function notifyChannel(schema: string = DEFAULT_SCHEMA): string {
  quoteSchema(schema);
  return `${schema}_wake`;
}

/** Sends the hint. Call it after commit, never inside the transaction: NOTIFY serialises commits. */
export async function notify(queryable: Queryable, payload: string, schema: string = DEFAULT_SCHEMA): Promise<void> {
  await queryable.query('select pg_notify($1, $2)', [notifyChannel(schema), payload]);
}

export interface ListenOptions {
  connectionString: string;
  schema?: string;
  onNotify: (payload: string) => void;
  onError?: (error: Error) => void;
}

/** Listens until the returned function is called. Never throws: without a connection there are no hints. */
export function listen({ connectionString, schema = DEFAULT_SCHEMA, onNotify, onError }: ListenOptions): () => Promise<void> {
  const stop = new AbortController();
  const loop = (async () => {
    for (let failures = 0; !stop.signal.aborted; ) {
      const client = new pg.Client({ connectionString, application_name: 'tidemark listen', keepAlive: true });
      try {
        const ended = new Promise<void>((resolve) => {
          client.on('error', (error) => {
            onError?.(error);
            resolve();
          });
          client.on('end', resolve);
          stop.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        client.on('notification', (message) => onNotify(message.payload ?? ''));
        await client.connect();
        await client.query(`listen ${quoteSchema(notifyChannel(schema))}`);
        failures = 0;
        onNotify('');
        await ended;
      } catch (error) {
        onError?.(error as Error);
      } finally {
        await client.end().catch(() => {});
      }
      failures += 1;
      await delay(Math.min(100 * 2 ** failures, 5_000), undefined, { signal: stop.signal }).catch(() => {});
    }
  })();
  return async () => {
    stop.abort();
    await loop;
  };
}
