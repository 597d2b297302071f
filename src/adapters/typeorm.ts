/** TypeORM, from 1, on Postgres: a data source, or the entity manager of a transaction. */
import type { ApplicationDatabase } from '../postgres/application-database.ts';

interface QueryRunner {
  // biome-ignore lint/suspicious/noExplicitAny: rows of whatever kind
  query(text: string, values: any, useStructuredResult: true): Promise<{ records: any[] }>;
  release(): Promise<void>;
}

interface Transactional {
  transaction<T>(body: (manager: TransactionManager) => Promise<T>): Promise<T>;
}

interface TransactionManager extends Transactional {
  readonly queryRunner?: QueryRunner | undefined;
}

interface DataSource extends Transactional {
  createQueryRunner(): QueryRunner;
}

/** @example await dataSource.transaction(async (manager) => tidemark.in(fromTypeorm(manager)).enqueue(report, { month })) */
export function fromTypeorm(db: DataSource | (TransactionManager & { readonly dataSource?: DataSource })): ApplicationDatabase {
  return {
    async query(text, values = []) {
      // Of the manager's `query` an update answers something else than a select: a runner has rows of both.
      const joined = 'queryRunner' in db ? db.queryRunner : undefined;
      const runner = joined ?? ('createQueryRunner' in db ? db : (db.dataSource as DataSource)).createQueryRunner();
      try {
        const { records = [] } = await runner.query(text, values, true);
        return { rows: records };
      } finally {
        if (runner !== joined) await runner.release();
      }
    },
    transaction: (body) => db.transaction((manager) => body(fromTypeorm(manager))),
  };
}
