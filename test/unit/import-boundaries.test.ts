import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
let directory: string;

/** A project that has our rules and nothing else. */
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-boundaries-'));
  const { linter, overrides } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'));
  writeFileSync(join(directory, 'biome.json'), JSON.stringify({ linter, overrides }));
});

afterAll(() => rmSync(directory, { recursive: true }));

/** Names of the boundary rules that one statement breaks where it stands. */
function lint(file: string, statement: string): string[] {
  const path = join(directory, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${statement}\n`);
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const { stdout } = spawnSync(process.execPath, [biome, 'lint', '--reporter=github', file], { cwd: directory, encoding: 'utf8' });
  rmSync(path);
  return [...stdout.matchAll(/lint\/style\/(noRestrictedImports|noProcessEnv)/g)].map((match) => match[1] ?? '');
}

const imports = (from: string) => `export { a } from '${from}';`;

describe('a lint rule refuses', () => {
  test.each([
    ['Temporal in a domain folder', 'src/event-log/a.ts', imports('@temporalio/client')],
    ['a deep import of Temporal in a domain folder', 'src/spreadsheet/a.ts', imports('@temporalio/common/lib/payloads')],
    ['a dynamic import of Temporal in a domain folder', 'src/work/a.ts', `export const a = () => import('@temporalio/worker');`],
    ['our Temporal folder in a domain folder', 'src/snapshots/a.ts', imports('../temporal/connection.ts')],
    ['Temporal in the library that an application loads', 'src/index.ts', imports('@temporalio/client')],
    ['Temporal in src/postgres', 'src/postgres/a.ts', imports('@temporalio/client')],
    ['pg outside src/postgres', 'src/event-log/a.ts', imports('pg')],
    ['pg in an activity', 'src/activities/a.ts', imports('pg')],
    ['pg in a door', 'src/worker.ts', imports('pg')],
    ['a door in a folder', 'src/work/a.ts', imports('../worker.ts')],
    ['a door in src/temporal', 'src/temporal/a.ts', imports('../starter.ts')],
    ['a door in a door', 'src/worker.ts', imports('./starter.ts')],
    ['a workflow in an activity', 'src/activities/a.ts', imports('../workflows/snapshot.ts')],
    ['an activity in a workflow', 'src/workflows/a.ts', imports('../activities/burst.ts')],
    ['Node in a workflow', 'src/workflows/a.ts', imports('node:crypto')],
    ['pg in a workflow', 'src/workflows/a.ts', imports('pg')],
    ['Node in the page', 'src/web/a.ts', imports('node:fs')],
    ['pg in the page', 'src/web/sheet/a.tsx', imports('pg')],
    ['the database in the page', 'src/web/a.ts', imports('../postgres/pool.ts')],
    ['what claims work in the page', 'src/web/sheet/a.ts', imports('../../work/claim.ts')],
    ["Temporal's client in a workflow", 'src/workflows/a.ts', imports('@temporalio/client')],
  ])('%s', (_, file, statement) => {
    expect(lint(file, statement)).toEqual(['noRestrictedImports']);
  });

  test('process.env outside src/config.ts', () => {
    expect(lint('src/work/a.ts', 'export const a = process.env.HOME;')).toEqual(['noProcessEnv']);
    expect(lint('src/config.ts', 'export const a = process.env.HOME;')).toEqual([]);
  });
});

test.each([
  ['src/temporal/a.ts', imports('@temporalio/client')],
  ['src/embedded/a.ts', imports('@temporalio/client')],
  ['src/activities/a.ts', imports('@temporalio/activity')],
  ['src/work/start.ts', imports('@temporalio/common')],
  ['src/worker.ts', imports('@temporalio/worker')],
  ['src/cli/worker.ts', imports('../worker.ts')],
  ['src/postgres/a.ts', imports('pg')],
  ['src/workflows/a.ts', imports('@temporalio/workflow')],
  ['src/workflows/a.ts', imports('../activities/types.ts')],
  ['src/web/a.ts', imports('../client.ts')],
  ['src/web/a.ts', imports('./work/work-page.tsx')],
  ['src/web/sheet/a.ts', imports('../../spreadsheet/a1.ts')],
])('%s may: %s', (file, statement) => {
  expect(lint(file, statement)).toEqual([]);
});
