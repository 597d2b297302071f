import type { PoolClient } from 'pg';
import type { ApplicationDatabase } from '../../src/postgres/application-database.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import type { Queryable } from '../../src/postgres/queryable.ts';

/** The few lines that an application writes over a driver of its own. @param given what its statements go through; default: the connection itself */
export function clientAdapter(pool: Pool, given: (runner: Pool | PoolClient) => Queryable = (runner) => runner): ApplicationDatabase {
  return {
    query: (text, values) => given(pool).query(text, values),
    async transaction(body) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const value = await body(given(client));
        await client.query('commit');
        return value;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
  };
}
