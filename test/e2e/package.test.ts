/** The package as a user gets it: packed, installed into an empty project, imported, type-checked, and its command run there. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { temporalAddress } from '../support/servers.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
let scratch: string;
let project: string;
let packed: string[];

beforeAll(() => {
  expect(existsSync(join(repository, 'dist/index.js')), 'build first: npm run build').toBe(true);
  scratch = mkdtempSync(join(tmpdir(), 'tidemark-package-'));
  project = join(scratch, 'project');
  mkdirSync(project);
  // What `prepack` builds is built: the suites run after it.
  const [pack] = JSON.parse(run(repository, 'npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch]));
  packed = pack.files.map(({ path }: { path: string }) => path);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }));
  // What an application brings itself, in the versions that are tested here.
  const own = [`pg@${manifest.dependencies.pg}`, `zod@${manifest.dependencies.zod}`];
  run(project, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(scratch, pack.filename), ...own]);
}, 180_000);

afterAll(() => {
  if (scratch) rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
});

test('it holds what is run and what is read, and nothing of the making', () => {
  for (const path of [
    'README.md',
    'LICENSE',
    'package.json',
    'temporal.toml',
    'dist/cli.js',
    'dist/index.d.ts',
    'dist/workflow-bundle.js',
    'dist/web/index.html',
    'docs/operations.md',
  ]) {
    expect(packed).toContain(path);
  }
  expect(packed.filter((path) => path.startsWith('migrations/'))).toEqual(
    readdirSync(join(repository, 'migrations')).map((name) => `migrations/${name}`),
  );
  expect(packed.filter((path) => path.startsWith('examples/data/'))).toContain('examples/data/SOURCES.md');
  expect(packed.filter((path) => /^(src|test|bench|scripts|\.ci)\//.test(path))).toEqual([]);
});

test('the library can be imported, and loads no Temporal', () => {
  const script = `
    import { createRequire } from 'node:module';
    import * as tidemark from 'tidemark';
    import * as client from 'tidemark/client';
    import * as http from 'tidemark/http';
    import * as testing from 'tidemark/testing';
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('@temporalio'));
    console.log(JSON.stringify({ names: Object.keys(tidemark), forTests: Object.keys(testing), ofClient: Object.keys(client), ofHttp: Object.keys(http), loaded }));`;
  const { names, forTests, ofClient, ofHttp, loaded } = JSON.parse(run(project, process.execPath, ['--input-type=module', '-e', script]));
  expect(names).toEqual(
    expect.arrayContaining(['createTidemark', 'defineLogType', 'defineEntryWork', 'createPostgresEventLog', 'openSheet', 'ConflictError']),
  );
  expect(ofClient).toEqual(expect.arrayContaining(['openSheet', 'createMemoryEventLog', 'ConflictError']));
  expect(ofHttp).toEqual(expect.arrayContaining(['createHttpHandler', 'tidemarkPlugin']));
  expect(forTests).toEqual(expect.arrayContaining(['runUntilIdle', 'expectWork']));
  expect(loaded).toEqual([]);
});

test('what loads Temporal would be seen', () => {
  const script = `
    import { createRequire } from 'node:module';
    await import('@temporalio/worker');
    console.log(Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('@temporalio')).length);`;
  const installed = join(project, 'node_modules/tidemark/dist');
  expect(Number(run(installed, process.execPath, ['--input-type=module', '-e', script]))).toBeGreaterThan(1);
});

test('blobs in S3 say what is to be installed, and everything else works without it', () => {
  expect(existsSync(join(project, 'node_modules/@aws-sdk'))).toBe(false);
  const command = join(project, 'node_modules/.bin/tidemark');
  const { stdout } = spawnSync(command, ['doctor', '--json'], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, TIDEMARK_BLOBS: 's3://acme-blobs/app' },
  });
  const { findings } = JSON.parse(stdout);
  expect(findings.find(({ check }: { check: string }) => check === 'blobs')).toMatchObject({
    state: 'wrong',
    found: expect.stringContaining('npm install @aws-sdk/client-s3'),
  });
});

test('its types are checked and inferred', () => {
  const source = `
    import { createTidemark, defineEntryWork, defineLogType, type SequenceId } from 'tidemark';
    import { z } from 'zod';
    const db = { query: async (_text: string, _values?: unknown[]) => ({ rows: [] }) };
    const order = defineLogType({
      type: 'order', version: 1, snapshotEvery: 100,
      entry: z.object({ type: z.literal('Placed'), quantity: z.int() }),
      initial: () => ({ open: 0 }),
      apply: (state, entry) => ({ open: state.open + entry.quantity }),
    });
    const pick = defineEntryWork({ name: 'pick', handler: async ({ entry }) => ({ result: entry.type }) });
    const tidemark = createTidemark({ db, logTypes: [order], entryWork: [pick] });
    export async function place(): Promise<SequenceId> {
      const { open } = await tidemark.log(order, 'o1').state();
      const quantity: number = open;
      const appended = await tidemark.log(order, 'o1').append({ type: 'Placed', quantity }, { expect: 'any' });
      // @ts-expect-error an entry that is none of this log type's
      await tidemark.log(order, 'o1').append({ type: 'Sent' }, { expect: 'any' });
      // @ts-expect-error a state has a type: this would pass if it were any
      const wrong: string = open;
      return appended.sequenceId ?? BigInt(wrong);
    }`;
  checkTypes(source);
});

test('topics that an application registers type its workers and what it publishes', () => {
  checkTypes(readFileSync(join(repository, 'test/types/application.ts'), 'utf8'));
});

test("the README's application is one", () => {
  const [, source] = /```ts\n(.*?)```/s.exec(readFileSync(join(repository, 'README.md'), 'utf8')) ?? [];
  expect(source).toContain('createTidemark');
  checkTypes(source ?? '');
});

test("the guide's worker passes the guide's tests", () => {
  const guide = readFileSync(join(repository, 'docs/guides/add-a-worker.md'), 'utf8');
  const files = [...guide.matchAll(/^`([\w.-]+\.mjs)`:\n\n```js\n(.*?)^```/gms)];
  expect(files.map(([, name]) => name)).toEqual(expect.arrayContaining(['topics.mjs', 'reserve-stock.mjs', 'reserve-stock.test.mjs']));
  const folder = join(project, 'shop');
  mkdirSync(folder);
  for (const [, name = '', source = ''] of files) writeFileSync(join(folder, name), source);
  expect(run(folder, process.execPath, ['--test', '--test-reporter=tap'])).toContain('# pass 3');
});

test("'tidemark' is there, and what 'tidemark init' writes runs: its script's work is done by a worker", async () => {
  const command = join(project, 'node_modules/.bin/tidemark');
  expect(run(project, command, ['--version']).trim()).toBe(manifest.version);
  expect(JSON.parse(run(project, command, ['init', '--json']))).toMatchObject({
    missing: [],
    written: expect.arrayContaining(['tidemark-example.mjs']),
  });

  const database = await createTestDatabase();
  const env = { DATABASE_URL: database.appUrl, TEMPORAL_ADDRESS: temporalAddress(), TIDEMARK_BLOBS: join(scratch, 'blobs') };
  const worker = spawn(command, ['worker'], { cwd: project, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    expect(run(project, process.execPath, ['tidemark-example.mjs'], env)).toContain('state { items: { tea: 2 } }');
    const unit = () => JSON.parse(run(project, command, ['work', 'confirm-order/order-1/0', '--json'], env)).units[0];
    await vi.waitFor(() => expect(unit()).toMatchObject({ state: 'done', result: { confirmed: 'tea' } }), {
      timeout: 30_000,
      interval: 200,
    });
  } finally {
    worker.kill('SIGTERM');
    if (worker.exitCode === null) await once(worker, 'exit');
    await database.drop();
  }
  expect(worker.exitCode).toBe(0);
}, 60_000);

/** As strictly as an application may, with the errors of other packages' own types left out. */
function checkTypes(source: string): void {
  writeFileSync(join(project, 'app.ts'), source);
  const options = ['--noEmit', '--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--skipLibCheck', '--types', ''];
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  run(project, process.execPath, [compiler, ...options, '--module', 'nodenext', '--target', 'es2023', 'app.ts']);
}

/** @returns what it prints; an error with all it printed where it fails */
function run(cwd: string, program: string, args: string[], env: Record<string, string> = {}): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout: 150_000,
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}${error ?? ''}`);
  return stdout;
}
