/** Writes the table of environment variables into docs/operations.md. A test fails while it is not what the variables say. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildIfStale } from './build.mjs';
import { root } from './setup.mjs';

await buildIfStale();
const { settingsTable } = await import('../dist/settings/settings-table.js');
const path = join(root, 'docs/operations.md');
const before = readFileSync(path, 'utf8');
const after = before.replace(/(?<=\n## Environment variables\n[^|]*)(?:\|.*\n)+/, () => `${settingsTable()}\n`);
writeFileSync(path, after);
console.log(after === before ? 'docs/operations.md is as it should be.' : 'docs/operations.md has a new table of variables.');
