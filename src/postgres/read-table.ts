/**
 * A connection to somebody else's database, to read a table of it in the order of its key. It cannot write. What it sets it sets for one transaction alone: there
 * may be a pooler in between, whose connections others get next.
 */
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

export interface TableColumn {
  name: string;
  /** Oid of its type. */
  type: number;
}

export interface ReadConnection {
  /** In a transaction of its own, which cannot write. Values as Postgres writes them, null where there is none. After an error it is to be closed. */
  query(text: string, values?: readonly unknown[]): Promise<{ columns: TableColumn[]; rows: (string | null)[][] }>;
  close(): Promise<void>;
}

export interface ReadConnectionOptions {
  connectionString: string;
  /** Of one statement, and of connecting. */
  timeoutMs: number;
  /** Cuts it off, also while it connects or a statement runs. */
  signal: AbortSignal;
}

const CLOSE_MS = 1_000;

export const quoteName = (name: string): string => pg.escapeIdentifier(name);

/** @throws what the driver throws */
export async function openReadConnection({ connectionString, timeoutMs, signal }: ReadConnectionOptions): Promise<ReadConnection> {
  signal.throwIfAborted();
  const socket = new Socket();
  const client = new pg.Client({
    connectionString,
    application_name: 'tidemark download',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs + 1_000,
    keepAlive: true,
    stream: () => socket,
  });
  const begin = `begin read only; set local statement_timeout = ${timeoutMs}; set local datestyle = 'ISO, YMD';
    set local intervalstyle = 'iso_8601'; set local timezone = 'UTC'`;
  // One that breaks between two statements emits; the next statement fails with the same news.
  client.on('error', () => {});
  const cutOff = () => socket.destroy();
  signal.addEventListener('abort', cutOff, { once: true });
  const close = async () => {
    signal.removeEventListener('abort', cutOff);
    await Promise.race([client.end().catch(() => {}), delay(CLOSE_MS)]);
    socket.destroy();
  };
  try {
    await client.connect();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async query(text, values = []) {
      await client.query(begin);
      const { fields, rows } = await client.query<(string | null)[]>({
        text,
        values: [...values],
        rowMode: 'array',
        types: { getTypeParser: () => (value: string) => value },
      });
      await client.query('commit');
      return { columns: fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })), rows };
    },
    close,
  };
}
