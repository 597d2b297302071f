/** The libraries that there are adapters for, each with a connection pool of its own: a transaction as its user writes one, and a statement of their own in it. */
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import knexOf from 'knex';
import { CamelCasePlugin, Kysely, PostgresDialect, sql as sqlOfKysely } from 'kysely';
import { DataSource } from 'typeorm';
import { fromDrizzle, fromKnex, fromKysely, fromPrisma, fromTypeorm } from '../../src/adapters.ts';
import type { ApplicationDatabase } from '../../src/postgres/application-database.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { createPrismaClient } from './prisma.ts';

export interface DatabaseLibrary {
  readonly db: ApplicationDatabase;
  /** @param body gets its transaction as Tidemark takes it, and what inserts an order with the library's own means */
  transaction<T>(body: (tx: ApplicationDatabase, insertOrder: (id: string) => Promise<unknown>) => Promise<T>): Promise<T>;
  close(): Promise<unknown>;
}

const INSERT = 'insert into public.orders (id) values ($1)';

export const DATABASE_LIBRARIES: Record<string, (url: string) => DatabaseLibrary | Promise<DatabaseLibrary>> = {
  Drizzle(url) {
    const pool = createPool({ connectionString: url, max: 4 });
    const db = drizzle(pool);
    return {
      db: fromDrizzle(db, sql),
      transaction: (body) =>
        db.transaction((tx) => body(fromDrizzle(tx, sql), (id) => tx.execute(sql`insert into public.orders (id) values (${id})`))),
      close: () => pool.end(),
    };
  },

  Kysely(url) {
    const kysely = new Kysely<{ orders: { id: string } }>({
      dialect: new PostgresDialect({ pool: createPool({ connectionString: url, max: 4 }) }),
      plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: false })],
    });
    return {
      db: fromKysely(kysely),
      transaction: (body) =>
        kysely
          .transaction()
          .execute((trx) => body(fromKysely(trx), (id) => sqlOfKysely`insert into public.orders (id) values (${id})`.execute(trx))),
      close: () => kysely.destroy(),
    };
  },

  Prisma(url) {
    const prisma = createPrismaClient(url);
    return {
      db: fromPrisma(prisma),
      transaction: (body) => prisma.$transaction((tx) => body(fromPrisma(tx), (id) => tx.$queryRawUnsafe(INSERT, id))),
      close: () => prisma.$disconnect(),
    };
  },

  async TypeORM(url) {
    const dataSource = await new DataSource({ type: 'postgres', url, poolSize: 4 }).initialize();
    return {
      db: fromTypeorm(dataSource),
      transaction: (body) => dataSource.transaction((manager) => body(fromTypeorm(manager), (id) => manager.query(INSERT, [id]))),
      close: () => dataSource.destroy(),
    };
  },

  Knex(url) {
    const knex = knexOf({ client: 'pg', connection: url, pool: { min: 0, max: 4 } });
    return {
      db: fromKnex(knex),
      transaction: (body) =>
        knex.transaction((trx) => body(fromKnex(trx), (id) => trx.raw('insert into public.orders (id) values (?)', [id]))),
      close: () => knex.destroy(),
    };
  },
};
