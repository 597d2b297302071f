import type { Command } from 'commander';
import { formatJson, print } from './print.ts';
import { withDatabase } from './with-database.ts';

export function addTokenRevoke(tokens: Command): void {
  tokens
    .command('revoke')
    .description('refuse tokens, and end the sessions that were begun with them')
    .argument('<tokens...>', 'names or ids')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tidemark tokens revoke ci
  $ tidemark tokens revoke h2kq0zjx5c1m anna`,
    )
    .action(runRevoke);
}

async function runRevoke(names: string[], { json }: { json?: boolean }): Promise<void> {
  const { revokeToken } = await import('../tokens/revoke-token.ts');
  await withDatabase(async ({ db }) => {
    const revoked = [];
    const unknown: string[] = [];
    for (const name of names) {
      const value = await revokeToken(db, name);
      if (value) revoked.push(value);
      else unknown.push(name);
    }
    if (json) {
      print(formatJson({ revoked, unknown }));
    } else {
      for (const { id, name, sessions } of revoked) {
        print(`Revoked ${name} (${id})${sessions > 0 ? `, and ended ${sessions === 1 ? 'a session' : `${sessions} sessions`}` : ''}.`);
      }
      for (const name of unknown) print(`There is no token '${name}' that could be revoked.`);
    }
    if (unknown.length > 0) process.exitCode = 1;
  });
}
