/** A connection to somebody else's database, to read a table of it in the order of its key. It cannot write. */
import pg from 'pg';

export interface TableColumn {
  name: string;
  /** Oid of its type. */
  type: number;
}

export interface ReadConnection {
  /** Values as Postgres writes them, null where there is none. */
  query(text: string, values?: readonly unknown[]): Promise<{ columns: TableColumn[]; rows: (string | null)[][] }>;
  close(): Promise<void>;
}

export interface ReadConnectionOptions {
  connectionString: string;
  /** Of one statement, and of connecting. */
  timeoutMs: number;
}

export const quoteName = (name: string): string => pg.escapeIdentifier(name);

/** @throws what the driver throws */
export async function openReadConnection({ connectionString, timeoutMs }: ReadConnectionOptions): Promise<ReadConnection> {
  const client = new pg.Client({
    connectionString,
    application_name: 'tidemark download',
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs + 1_000,
    keepAlive: true,
  });
  // One that breaks between two statements emits; the next statement fails with the same news.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(
      "set default_transaction_read_only = on; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set timezone = 'UTC'",
    );
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return {
    async query(text, values = []) {
      const { fields, rows } = await client.query<(string | null)[]>({
        text,
        values: [...values],
        rowMode: 'array',
        types: { getTypeParser: () => (value: string) => value },
      });
      return { columns: fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })), rows };
    },
    close: () => client.end().catch(() => {}),
  };
}
