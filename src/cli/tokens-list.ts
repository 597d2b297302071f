import type { Command } from 'commander';
import { formatDuration, formatJson, formatTable, print } from './print.ts';
import { withDatabase } from './with-database.ts';

export function addTokenList(tokens: Command): void {
  tokens
    .command('list')
    .description('list tokens, newest first; never the tokens themselves')
    .option('--all', 'also those that are revoked or expired')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tidemark tokens list
  $ tidemark tokens list --all --json`,
    )
    .action(runList);
}

async function runList(options: { all?: boolean; json?: boolean }): Promise<void> {
  const { listTokens } = await import('../tokens/list-tokens.ts');
  await withDatabase(async ({ db }) => {
    const found = await listTokens(db, options);
    if (options.json) {
      print(formatJson({ tokens: found }));
      return;
    }
    if (found.length === 0) {
      print("There are no tokens. Make one: 'tidemark tokens create NAME'.");
      return;
    }
    const ago = (date: Date) => `${formatDuration(Math.max(0, Date.now() - date.getTime()))} ago`;
    print(
      formatTable(
        ['id', 'name', 'scopes', 'logs', 'actor', 'expires', 'last used', 'state'],
        found.map((token) => [
          token.id,
          token.name,
          token.scopes.join(','),
          token.logPrefixes?.map((prefix) => `${prefix}…`).join(',') ?? 'all',
          token.actor,
          token.expiresAt?.toISOString().slice(0, 10) ?? 'never',
          token.lastUsedAt ? ago(token.lastUsedAt) : 'never',
          token.state,
        ]),
      ),
    );
  });
}
