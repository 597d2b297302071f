/**
 * A database per test file, migrated, on the run's Postgres: a copy of a template that global-setup.ts migrates once.
 * Tests connect as a role that is a member of `tidemark_app` and nothing else, as an application does.
 */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { type Database, inSchema } from '../../src/postgres/queryable.ts';

const template = 'tidemark_template';
const appRole = 'tidemark_test_app';

export interface TestDatabase {
  readonly name: string;
  /** Connects as the superuser: to look, to break things, to make tables of a test's own. */
  readonly ownerUrl: string;
  readonly appUrl: string;
  /** Connects as the application does. */
  readonly pool: Pool;
  /** The same, with the schema. */
  readonly db: Database;
  readonly ownerPool: Pool;
  /**
   * Ends both pools and whoever else is connected, and lets nobody in any more. Its files go when the run's Postgres does: to remove some while
   * others are made takes the file system longer than the tests do. With KEEP_TEST_DATA=1 all stays, and its address is printed.
   */
  drop(): Promise<void>;
}

/** Migrates the template and makes the login role. `postgresUrl` is the superuser's. */
export async function createTemplateDatabase(postgresUrl: string): Promise<void> {
  await asSuperuser(postgresUrl, async (pool) => {
    await pool.query(`create database ${template}`);
    await migrate({ connectionString: urlOf(postgresUrl, template) });
    await pool.query(`create role ${appRole} login password '${passwordOf(postgresUrl)}' in role tidemark_app`);
  });
}

export async function createTestDatabase(options: { postgresUrl?: string; poolSize?: number } = {}): Promise<TestDatabase> {
  const { postgresUrl = inject('postgresUrl'), poolSize = 10 } = options;
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(postgresUrl, (pool) => pool.query(`create database ${name} template ${template}`));

  const ownerUrl = urlOf(postgresUrl, name);
  const appUrl = urlOf(postgresUrl, name, appRole);
  const ownerPool = createPool({ connectionString: ownerUrl, max: 5, applicationName: 'test owner' });
  const pool = createPool({ connectionString: appUrl, max: poolSize, applicationName: 'test app' });
  // The copies share a Temporal server, where the installation's id keeps their executions apart.
  await ownerPool.query(`update tidemark.installation set id = $1`, [randomBytes(4).toString('hex')]);

  let dropped: Promise<void> | undefined;
  const drop = async () => {
    await Promise.all([pool.end(), ownerPool.end()]);
    if (process.env.KEEP_TEST_DATA) console.log(`kept: ${ownerUrl}`);
    else await asSuperuser(postgresUrl, (superuser) => shutDatabase(superuser, name));
  };
  return {
    name,
    ownerUrl,
    appUrl,
    pool,
    db: inSchema(pool),
    ownerPool,
    drop: () => {
      dropped ??= drop();
      return dropped;
    },
  };
}

/** It ends who is connected, and refuses whoever comes. */
export async function shutDatabase(superuser: Pool, name: string): Promise<void> {
  await superuser.query(`alter database ${name} allow_connections false`);
  await superuser.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [name]);
}

async function asSuperuser<T>(connectionString: string, body: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = createPool({ connectionString, max: 1, applicationName: 'test setup' });
  try {
    return await body(pool);
  } finally {
    await pool.end();
  }
}

function urlOf(postgresUrl: string, database: string, user?: string): string {
  const url = new URL(postgresUrl);
  url.pathname = `/${database}`;
  if (user !== undefined) url.username = user;
  return url.href;
}

const passwordOf = (postgresUrl: string): string => new URL(postgresUrl).password;
