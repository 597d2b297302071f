import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Command } from 'commander';
import { SetupError } from '../errors.ts';
import { EXAMPLE_APP, EXAMPLE_SCRIPT } from './init-files.ts';
import { formatJson, print } from './print.ts';

const FILES = { 'tidemark.config.mjs': EXAMPLE_APP, 'tidemark-example.mjs': EXAMPLE_SCRIPT };
const NEEDED = ['tidemark', 'pg', 'zod'];

const EXAMPLES = `
Examples:
  $ npm install tidemark pg zod && npx tidemark init
  $ npx tidemark dev                                 in one terminal
  $ node tidemark-example.mjs                        in another one

Writes tidemark.config.mjs (a log type, and work that its entries ask for) and tidemark-example.mjs. Never overwrites a file.`;

export function addInit(program: Command): void {
  program
    .command('init')
    .description('write a small application into this folder')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runInit);
}

async function runInit({ json }: { json?: boolean }): Promise<void> {
  const folder = process.cwd();
  const there = [...Object.keys(FILES), 'tidemark.config.js', 'tidemark.config.ts'].filter((name) => existsSync(join(folder, name)));
  if (there.length > 0) {
    throw new SetupError(
      `${there.join(' and ')} ${there.length === 1 ? 'is' : 'are'} here already, and stay as they are. Run this in another folder, or move them.`,
    );
  }
  for (const [name, content] of Object.entries(FILES)) {
    // 'wx': also where one has come to be there since the look above.
    await writeFile(join(folder, name), content, { flag: 'wx' });
  }
  const missing = missingPackages(folder);
  if (json) {
    print(formatJson({ written: Object.keys(FILES), missing }));
    return;
  }
  print(`Written: ${Object.keys(FILES).join(', ')}.`);
  print(
    `\nNext:${missing.length > 0 ? `\n  npm install ${missing.join(' ')}` : ''}\n  npx tidemark dev --watch\n  node tidemark-example.mjs        in another terminal`,
  );
}

function missingPackages(folder: string): string[] {
  const require = createRequire(join(folder, 'tidemark.config.mjs'));
  return NEEDED.filter((name) => !(require.resolve.paths(name) ?? []).some((path) => existsSync(join(path, name, 'package.json'))));
}
