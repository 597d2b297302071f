/**
 * The rows that a table has when reading begins, as changes of op 'r': exactly those that were committed before `since`, and the changes committed after are read
 * from the slot. No gap, no overlap: a temporary slot says where `since` is and exports what was there at that moment.
 *
 * All of it is one transaction. A copy that is cut short has stored nothing and begins again.
 */
import { randomBytes } from 'node:crypto';
import { SetupError } from '../errors.ts';
import { parseLsn } from '../postgres/lsn.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { quoteIdentifier, type ReplicationConnection } from '../postgres/replication.ts';
import { decodeColumn, TRANSACTION } from '../postgres/replication-values.ts';
import { inTransaction } from '../postgres/transaction.ts';
import type { PagedChange } from './change-page.ts';
import { type ChangeTable, routeChange } from './change-tables.ts';
import { storeChanges } from './store-changes.ts';

export interface CopyTableOptions {
  connect(): Promise<ReplicationConnection>;
  pool: Pool;
  schema: string;
  slot: string;
  table: ChangeTable;
  keyColumns: readonly string[];
  signal: AbortSignal;
}

const PAGE_ROWS = 1_000;

/** @returns how many rows there were; undefined where another reader has copied it */
export async function copyTable({ connect, pool, schema, slot, table, keyColumns, signal }: CopyTableOptions): Promise<number | undefined> {
  const connection = await connect();
  try {
    return await inTransaction(pool, async (sink) => {
      const db = inSchema(sink, schema);
      const named = [slot, table.schema, table.table];
      await db.query(`select pg_advisory_xact_lock(hashtextextended('tidemark copy ' || array_to_string($1::text[], '.'), 0))`, [named]);
      const { rows: done } = await db.query(
        `select 1 from ${db.schema}.change_table where slot = $1 and schema_name = $2 and table_name = $3`,
        named,
      );
      if (done.length > 0) return undefined;
      // Gone with its connection.
      const copy = `${slot.slice(0, 50)}_${randomBytes(4).toString('hex')}`;
      const created = await connection.query(`CREATE_REPLICATION_SLOT ${quoteIdentifier(copy)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`);
      const { consistent_point: since, snapshot_name: snapshot } = created.rows[0];
      const from = parseLsn(since);
      const source = { schema: table.schema, table: table.table, lsn: since, txId: null, ts: new Date().toISOString() };
      let count = 0;
      await inTransaction(pool, async (reader) => {
        await reader.query(
          `set transaction isolation level repeatable read read only; set transaction snapshot '${snapshot}'; ${TRANSACTION}`,
        );
        const name = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.table)}`;
        await reader
          .query(`declare tidemark_copy no scroll cursor for select * from ${name}`)
          .catch((error: { code?: string; message: string }) => {
            if (error.code !== '42501') throw error;
            throw new SetupError(
              `The rows of ${name} cannot be read: ${error.message}. As its owner: grant select on ${name} to this role.`,
            );
          });
        for (;;) {
          signal.throwIfAborted();
          const { rows, fields } = await reader.query({
            text: `fetch ${PAGE_ROWS} from tidemark_copy`,
            types: { getTypeParser: (oid: number) => decodeColumn(oid) as never },
          });
          const columns = fields.map(({ name: column, dataTypeID }) => ({ name: column, typeOid: dataTypeID }));
          const changes = rows.flatMap((row): PagedChange[] => {
            const routed = routeChange(table, { op: 'r', relation: { columns }, keyColumns, before: null, after: row, source });
            const data = routed && JSON.stringify(routed.stored);
            return routed && data !== undefined ? [{ topic: table.topic, data, ...routed }] : [];
          });
          if (changes.length > 0) await storeChanges(db, slot, from, { changes });
          count += rows.length;
          if (rows.length < PAGE_ROWS) break;
        }
      });
      await db.query(
        `insert into ${db.schema}.change_table (slot, schema_name, table_name, since, rows) values ($1, $2, $3, $4::pg_lsn, $5)`,
        [...named, since, count],
      );
      return count;
    });
  } finally {
    await connection.close();
  }
}
