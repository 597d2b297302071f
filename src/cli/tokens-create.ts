import { type Command, InvalidArgumentError, Option } from 'commander';
import { SCOPES, type Scope } from '../tokens/scopes.ts';
import { parseDuration } from './parse-option.ts';
import { formatJson, print } from './print.ts';
import { withDatabase } from './with-database.ts';

interface CreateOptions {
  scopes: Scope[];
  logPrefix?: string[];
  actor?: string;
  expires: number | undefined;
  json?: boolean;
}

const EXAMPLES = `
Scopes: read (logs, sheets, work), write (append, create, import), publish, jobs, admin (all of them, and redrive and discard).

Examples:
  $ tidemark tokens create ci --scopes read,write
  $ tidemark tokens create shop --scopes write --log-prefix order- --expires never --json

The token is shown this once. On standard output there is nothing else, so that it can go where it is kept.`;

export function addTokenCreate(tokens: Command): void {
  tokens
    .command('create')
    .description('make a token, and show it this once')
    .argument('<name>', 'what to call it')
    .addOption(new Option('--scopes <scopes>', 'what it allows, with commas').argParser(parseScopes).default(['read'], 'read'))
    .option(
      '--log-prefix <prefix>',
      'only logs whose ids begin with it; may be given several times',
      (prefix: string, all: string[] = []) => [...all, prefix],
    )
    .option('--actor <actor>', 'who its bearer is, kept with what they write (default: the name)')
    .addOption(
      new Option('--expires <duration>', "after how long it ends, or 'never'").argParser(parseExpiry).default(parseExpiry('90d'), '90d'),
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runCreate);
}

async function runCreate(name: string, { scopes, logPrefix, actor, expires, json }: CreateOptions): Promise<void> {
  const { createToken } = await import('../tokens/create-token.ts');
  await withDatabase(async ({ db }) => {
    const { id, token, expiresAt } = await createToken(db, { name, scopes, logPrefixes: logPrefix, actor, expiresInMs: expires });
    if (json) {
      print(formatJson({ id, name, token, scopes, logPrefixes: logPrefix, actor: actor ?? name, expiresAt }));
      return;
    }
    print(token);
    const until = expiresAt ? `until ${expiresAt.toISOString().slice(0, 10)}` : 'until it is revoked';
    process.stderr.write(
      `This is shown once. It allows ${scopes.join(', ')}${logPrefix ? ` on logs ${logPrefix.map((one) => `${one}…`).join(', ')}` : ''} ${until}.\n`,
    );
  });
}

function parseScopes(text: string): Scope[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  const unknown = scopes.find((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`'${unknown}' is no scope. Use ${SCOPES.join(', ')}.`);
  }
  return scopes as Scope[];
}

function parseExpiry(text: string): number | undefined {
  return text === 'never' ? undefined : parseDuration(text);
}
