/**
 * Brings a database to this version's schema: forward only, each file in a transaction of its own, safe to call from several
 * processes at once (an advisory lock). What has run is kept in `<schema>.migration`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DEFAULT_SCHEMA, type Queryable, quoteSchema } from './queryable.ts';

const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations', import.meta.url));
const MIGRATIONS_TABLE = 'migration';

export interface MigrateOptions {
  /** Connects as the owner: a superuser, or a role that may create roles and schemas. */
  connectionString: string;
  schema?: string;
  log?: (message: string) => void;
}

/** @returns names of the migrations that ran now */
export async function migrate({ connectionString, schema = DEFAULT_SCHEMA, log = () => {} }: MigrateOptions): Promise<string[]> {
  quoteSchema(schema);
  // Whoever only asks what has run need not load it.
  const { runner } = await import('node-pg-migrate');
  const ran = await runner({
    databaseUrl: connectionString,
    dir: MIGRATIONS_DIR,
    direction: 'up',
    migrationsTable: MIGRATIONS_TABLE,
    schema,
    createSchema: true,
    migrationsSchema: schema,
    createMigrationsSchema: true,
    singleTransaction: false,
    logger: { debug: () => {}, info: () => {}, warn: log, error: log },
  });
  return ran.map((migration) => migration.name);
}

/** Names of all migrations of this version, in order. */
export async function migrationNames(): Promise<string[]> {
  const files = await readdir(MIGRATIONS_DIR);
  return files
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => file.slice(0, -'.sql'.length));
}

/** What has run in a database, in order; undefined where Tidemark was never installed. */
export async function appliedMigrations(db: Queryable, schema: string = DEFAULT_SCHEMA): Promise<string[] | undefined> {
  const table = `${quoteSchema(schema)}.${MIGRATIONS_TABLE}`;
  const { rows } = await db.query('select to_regclass($1) is not null as there', [table]);
  if (!rows[0].there) {
    return undefined;
  }
  const applied = await db.query(`select name from ${table} order by id`);
  return applied.rows.map((row) => row.name);
}

/** All of it as one script, for a person who runs migrations by hand. */
export async function migrationScript(schema: string = DEFAULT_SCHEMA): Promise<string> {
  const quoted = quoteSchema(schema);
  const parts = [
    `create schema if not exists ${quoted};`,
    `create table if not exists ${quoted}.${MIGRATIONS_TABLE} (id serial primary key, name varchar(255) not null, run_on timestamp not null);`,
  ];
  for (const name of await migrationNames()) {
    const sql = await readFile(`${MIGRATIONS_DIR}/${name}.sql`, 'utf8');
    parts.push(
      `begin;\nset local search_path to ${quoted};\n${sql.trimEnd()}\ninsert into ${quoted}.${MIGRATIONS_TABLE} (name, run_on) values ('${name}', now());\ncommit;`,
    );
  }
  return `${parts.join('\n\n')}\n`;
}
