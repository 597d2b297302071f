import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blobsOfLog, createDirectoryBlobStore, createTidemark, type Tidemark } from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createFolder, runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { findTexts } from '../support/erased.ts';

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let env: Record<string, string>;
let tidemark: Tidemark;
let path: string;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createFolder();
  path = join(folder.path, 'blobs');
  env = { DATABASE_URL: database.appUrl, TIDEMARK_BLOBS: path };
  // Does what a worker would do.
  tidemark = createTidemark({ db: database.pool, blobs: createDirectoryBlobStore({ path }) });
});
afterAll(async () => {
  await tidemark.close();
  await database.drop();
  folder.remove();
});

const cli = (args: string[]) => runCli(args, { cwd: folder.path, env });

async function succeeding(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(args);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

test('says what would go, erases it everywhere, and keeps who asked why', async () => {
  writeFileSync(join(folder.path, 'people.csv'), 'name,town\nAnn Secret,Bath\nBob Secret,York\n');
  await succeeding(['import', 'people.csv', '--sheet', 'people', '--rows-per-entry', '1']);
  await succeeding(['compact', 'people']);
  await runUntilIdle(tidemark);
  expect(await succeeding(['erase', 'people', '--cells', 'A2:A9,C1', '--dry-run'])).toBe(
    'people A2:A9,C1: 9 cells, 2 of them with a value now; 2 entries with values of them. Nothing was changed.\n',
  );
  const running = startCli(['erase', 'people', '--cells', 'A2:A3', '--reason', 'request 17', '--wait'], { cwd: folder.path, env });
  let over = false;
  const ended = running.ended.finally(() => {
    over = true;
  });
  while (!over) await runUntilIdle(tidemark);
  const { code, stdout } = await ended;
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^people A2:A3: erased from 2 entries; 1 parts of the history written again, \d+ blobs removed\.\n$/),
  });
  expect(await findTexts(database, await blobsOfLog(createDirectoryBlobStore({ path }), 'people'), 'Secret')).toEqual([]);
  expect(JSON.parse(await succeeding(['show', 'people', 'A1:B3', '--json'])).values).toEqual([
    ['name', 'town'],
    ['[erased]', 'Bath'],
    ['[erased]', 'York'],
  ]);
  expect(await succeeding(['log', 'people', '--json'])).toContain('"reason":"request 17"');
}, 60_000);

test('refuses what it cannot erase, in one line', async () => {
  expect(await cli(['erase', 'nowhere', '--cells', 'A1'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("There is no log 'nowhere'"),
  });
  expect(await cli(['erase', 'people', '--cells', 'A1:'])).toMatchObject({ code: 2, stderr: expect.stringContaining('is not a range') });
  expect(await cli(['erase', 'people', '--cells', 'A1:CV101'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('over the limit of 10000'),
  });
  expect(await cli(['erase', 'people'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--cells') });
}, 60_000);
