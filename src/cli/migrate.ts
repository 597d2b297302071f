import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { migrate, migrationScript } from '../postgres/migrate.ts';
import { quoteSchema } from '../postgres/queryable.ts';
import { formatJson, print } from './print.ts';
import { findTargets } from './targets.ts';
import { asUsage } from './usage-error.ts';

const EXAMPLES = `
Examples:
  $ DATABASE_URL=postgres://owner:…@db/app tidemark migrate
  $ tidemark migrate --sql > tidemark.sql            for whoever runs migrations by hand
  $ tidemark migrate --schema jobs                   into a schema of another name (TIDEMARK_SCHEMA)

Connect as a superuser, or as a role that may create roles and schemas. Safe to run again, and from several processes at once.`;

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database to this version')
    .option('--sql', 'print all migrations as one script instead of running them')
    .option('--schema <name>', 'schema to install into (default: TIDEMARK_SCHEMA, else tidemark)')
    .option('--json', 'print what ran as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runMigrate);
}

async function runMigrate(options: { sql?: boolean; schema?: string; json?: boolean }): Promise<void> {
  const config = loadConfig();
  const { schema } = options;
  if (schema !== undefined) {
    asUsage(() => quoteSchema(schema));
  }
  if (options.sql) {
    process.stdout.write(await migrationScript(schema ?? config.schema));
    return;
  }
  const targets = await findTargets(config);
  const target = schema ?? targets.schema;
  const ran = await migrate({ connectionString: targets.databaseUrl, schema: target });
  if (options.json) {
    print(formatJson({ schema: target, ran }));
  } else if (ran.length === 0) {
    print(`Schema '${target}' is up to date.`);
  } else {
    print(`Schema '${target}': ran ${ran.join(', ')}.`);
  }
}
