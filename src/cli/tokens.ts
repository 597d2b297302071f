import type { Command } from 'commander';
import { addTokenCreate } from './tokens-create.ts';
import { addTokenList } from './tokens-list.ts';
import { addTokenRevoke } from './tokens-revoke.ts';

const EXAMPLES = `
Examples:
  $ tidemark tokens create ci --scopes read,write --expires 90d
  $ tidemark tokens create anna --actor anna@example.com --scopes admin
  $ tidemark tokens create shop --scopes read,write --log-prefix order- --log-prefix cart-
  $ tidemark tokens list
  $ tidemark tokens revoke ci

A token is shown once, when it is made; the database has its hash alone. Send it as "Authorization: Bearer …".
A revoked one is refused by every server after 5 s at most.`;

export function addTokens(program: Command): void {
  const tokens = program
    .command('tokens')
    .description('make, list and revoke tokens for those who ask the server')
    .addHelpText('after', EXAMPLES);
  addTokenCreate(tokens);
  addTokenList(tokens);
  addTokenRevoke(tokens);
}
