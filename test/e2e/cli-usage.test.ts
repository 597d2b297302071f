import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { appErrorsOf, type CliOptions, type CliResult, createFolder, helpOf, runCli, runCliHere } from '../support/cli.ts';

let folder: ReturnType<typeof createFolder>;
beforeEach(() => {
  folder = createFolder();
});
afterEach(() => folder.remove());

/** Runs what must fail: one line on standard error, nothing else, nothing written. */
async function failing(args: string[], options: CliOptions = {}): Promise<{ code: number; line: string }> {
  return checkFailed(() => runCli(args, { cwd: folder.path, ...options }));
}

/** The same, without a process of its own. */
async function failingHere(args: string[], options: Pick<CliOptions, 'env'> = {}): Promise<{ code: number; line: string }> {
  return checkFailed(() => runCliHere(args, { cwd: folder.path, ...options }));
}

async function checkFailed(run: () => Promise<CliResult>): Promise<{ code: number; line: string }> {
  const before = readdirSync(folder.path);
  const { code, stdout, stderr } = await run();
  expect(stderr).toMatch(/^tidemark: [^\n]+\n$/);
  expect(stdout).toBe('');
  expect(readdirSync(folder.path)).toEqual(before);
  return { code, line: stderr.trimEnd() };
}

describe('help', () => {
  const commands = [
    'run',
    'wake',
    'dev',
    'worker',
    'starter',
    'cdc',
    'cdc plan',
    'cdc apply',
    'cdc status',
    'cdc drop',
    'server',
    'tokens',
    'tokens create',
    'tokens list',
    'tokens revoke',
    'migrate',
    'init',
    'import',
    'show',
    'log',
    'compact',
    'erase',
    'work',
    'work redrive',
    'work discard',
    'subscriptions',
    'subscriptions list',
    'subscriptions plan',
    'subscriptions apply',
    'subscriptions pause',
    'subscriptions resume',
    'subscriptions remove',
    'subscriptions backfill',
    'schedules',
    'schedules list',
    'schedules next',
    'schedules trigger',
    'schedules pause',
    'schedules resume',
    'schedules backfill',
    'schedules plan',
    'schedules apply',
    'jobs',
    'jobs list',
    'jobs show',
    'jobs watch',
    'jobs run',
    'jobs cancel',
    'jobs redrive',
    'dlq',
    'dlq list',
    'dlq show',
    'dlq redrive',
    'dlq discard',
    'retention',
    'gc',
    'demo kill',
    'doctor',
  ];

  test('of each command has examples and says what exit codes mean', async () => {
    const answers = await helpOf(commands.map((command) => command.split(' ')));
    for (const [index, { code, stdout }] of answers.entries()) {
      const command = commands[index];
      expect({ command, code }).toEqual({ command, code: 0 });
      expect(stdout, command).toContain(`Usage: tidemark ${command} `);
      expect(stdout, command).toContain('Examples:\n  $ ');
      expect(stdout, command).toContain('Exit codes: 0 done, 1 failed, 2 called wrongly.');
    }
    expect(answers).toHaveLength(commands.length);
  });

  test('of the whole names every command', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    for (const command of commands) expect(stdout).toContain(`\n  ${command.split(' ')[0]} `);
  });
});

describe('called wrongly, a command says so in one line and ends with 2', () => {
  test.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['show', 'flights'], "missing required argument 'range'"],
    [['import', 'x.csv'], "required option '--sheet <name>' not specified"],
    [['import', 'x.csv', '--sheet', 'No Name'], "'No Name' is not a log id"],
    [['import', 'x.csv', '--sheet', 's', '--delimiter', ';;'], "';;' cannot stand between fields"],
    [['show', 'flights', 'A1:'], "'A1:' is not a range"],
    [['show', 'flights', 'A1:ZZZZZ9'], 'is outside a sheet'],
    [['show', 'flights', 'A1:Z99999'], 'the limit is 100,000'],
    [['show', 'flights', 'A1', '--at', '-1'], 'Use a sequence id'],
    [['work', '--state', 'finished'], "'finished' is not a state of work"],
    [['work', '--limit', '0'], 'Use a whole number from 1 to 1000'],
    [['work', '--stats', '--state', 'dead'], '--stats goes with --group and --json alone'],
    [['work', 'redrive'], 'Say which'],
    [['work', 'redrive', '--age', 'long'], 'Use a whole number and a unit'],
    [['work', 'discard', '--state', 'done'], 'Only dead units can be discarded'],
    [['migrate', '--schema', 'No-Schema'], "'No-Schema' is not a schema name"],
    [['worker', '--watch'], "unknown option '--watch'"],
  ])('%j', async (args, message) => {
    const { code, line } = await failingHere(args);
    expect(line).toContain(message);
    expect(code).toBe(2);
  });

  test('to whoever started its process', async () => {
    const { code, line } = await failing(['nonsense']);
    expect({ code, line }).toEqual({ code: 2, line: expect.stringContaining("unknown command 'nonsense'") });
  });
});

describe('a bad setting is named with its value and its range', () => {
  test.each([
    ['dev', { TIDEMARK_UI_PORT: '99999' }, "TIDEMARK_UI_PORT is '99999': use a whole number from 1 to 65535."],
    [
      'worker',
      { DATABASE_URL: 'mysql://u:hunter2@h/d' },
      'DATABASE_URL cannot be used: use an address such as postgres://user@host:5432/database.',
    ],
    ['starter', { TEMPORAL_ADDRESS: 'https://x' }, "TEMPORAL_ADDRESS is 'https://x': use HOST:PORT, without http://."],
    ['work', { LOG_LEVEL: 'loud' }, "LOG_LEVEL is 'loud': use one of trace, debug, info, warn, error, fatal, silent."],
  ])('by %s: %o', async (command, env, message) => {
    const { code, line } = await failingHere([command], { env: env as unknown as Record<string, string> });
    expect({ code, line }).toEqual({ code: 1, line: `tidemark: ${message}` });
  });
});

describe('without a server', () => {
  test('a command says that there is no database, and how to get one', async () => {
    const { code, line } = await failingHere(['work']);
    expect(code).toBe(1);
    expect(line).toBe("tidemark: There is no database: set DATABASE_URL, or run 'tidemark dev' in this folder and leave it running.");
  });

  test('a database that does not answer is named, its password is not', async () => {
    const { code, line } = await failingHere(['show', 'flights', 'A1'], { env: { DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:1/x' } });
    expect(code).toBe(1);
    expect(line).toContain('Nothing answers at 127.0.0.1:1 (ECONNREFUSED)');
    expect(line).not.toContain('hunter2');
  });

  test('a dev.json left behind by a killed dev counts as none', async () => {
    writeFileSync(
      join(folder.path, 'dev.json'),
      JSON.stringify({
        pid: 2 ** 22 + 1,
        databaseUrl: 'postgres://x@127.0.0.1:1/x',
        temporalAddress: 'x:1',
        namespace: 'default',
        schema: 'tidemark',
        blobs: '/',
      }),
    );
    const { line } = await failingHere(['work'], { env: { TIDEMARK_DATA: '.' } });
    expect(line).toContain('There is no database');
  });

  test('a file that cannot be imported is named before anything else is tried', async () => {
    expect((await failingHere(['import', 'nowhere.csv', '--sheet', 's'])).line).toBe(
      "tidemark: 'nowhere.csv' cannot be read (there is no such file).",
    );
    expect((await failingHere(['import', '.', '--sheet', 's'])).line).toBe("tidemark: '.' is not a file.");
  });

  test('the migrations can be printed as one script', async () => {
    const { code, stdout, stderr } = await runCli(['migrate', '--sql', '--schema', 'jobs'], { cwd: folder.path });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('create schema if not exists "jobs";');
    expect(stdout).toContain('create table work (');
  });
});

describe('an app file that does not load', () => {
  // Loaded before any server is asked.
  const env = { DATABASE_URL: 'postgres://app:x@127.0.0.1:1/x', TEMPORAL_ADDRESS: '127.0.0.1:1' };

  test('is named with what is wrong with it', async () => {
    const cases: [content: string, message: string | RegExp][] = [
      ['throw new Error("no key\\nsecond line");', /does not load: no key\s+second line/],
      ['export default 1 +;', /does not load: .*\(line 1\)/],
      ["import 'nowhere-to-be-found';", "does not load: Cannot find package 'nowhere-to-be-found'"],
      ['export const tidemark = 1;', 'its default export is not a createTidemark instance'],
      ['export default { registry: {}, schema: "x" };', 'its default export is not a createTidemark instance'],
      [
        'export default { registry: { logTypes: new Map(), entryWork: new Map(), workers: new Map() }, schema: "other" };',
        "uses schema 'other', this process 'tidemark'. Set TIDEMARK_SCHEMA=other",
      ],
    ];
    const files = cases.map(([content], number) => {
      const file = join(folder.path, `app-${number}.mjs`);
      writeFileSync(file, content);
      return file;
    });
    const messages = await appErrorsOf(files);
    expect(messages).toHaveLength(cases.length);
    for (const [number, [, message]] of cases.entries()) {
      expect(messages[number]).toContain(files[number]);
      expect(messages[number]).toMatch(message);
    }
  });

  test('is found by its default name', async () => {
    writeFileSync(join(folder.path, 'tidemark.config.mjs'), 'throw new Error("mine\\nsecond line");');
    expect(await failing(['worker'], { env })).toEqual({
      code: 1,
      line: `tidemark: The app ${join(folder.path, 'tidemark.config.mjs')} does not load: mine second line`,
    });
  });

  test('or is not there', async () => {
    expect((await failing(['worker', '--app', 'nowhere.mjs'], { env })).line).toContain("There is no app file 'nowhere.mjs'");
  });

  test('shows where it comes from with --debug', async () => {
    writeFileSync(join(folder.path, 'app.mjs'), 'throw new Error("deep");');
    const { code, stderr } = await runCli(['worker', '--app', 'app.mjs', '--debug'], { cwd: folder.path, env });
    expect(code).toBe(1);
    expect(stderr).toContain('\n    at ');
  });
});

describe('init', () => {
  test('writes an application once, and never over another', async () => {
    const first = await runCli(['init', '--json'], { cwd: folder.path });
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toEqual({
      written: ['tidemark.config.mjs', 'tidemark-example.mjs'],
      missing: ['tidemark', 'pg', 'zod'],
    });
    writeFileSync(join(folder.path, 'tidemark.config.mjs'), '// mine');
    const second = await failing(['init']);
    expect(second.code).toBe(1);
    expect(second.line).toContain('tidemark.config.mjs and tidemark-example.mjs are here already');
    expect(readFileSync(join(folder.path, 'tidemark.config.mjs'), 'utf8')).toBe('// mine');
  });

  test('writes nothing where one of its files is in the way', async () => {
    writeFileSync(join(folder.path, 'tidemark.config.ts'), '// mine');
    expect((await failing(['init'])).line).toContain('tidemark.config.ts is here already');
  });
});

describe('a port in use', () => {
  let server: Server;
  let port: number;
  beforeEach(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test.each(['TIDEMARK_POSTGRES_PORT', 'TIDEMARK_TEMPORAL_PORT', 'TIDEMARK_UI_PORT', 'TIDEMARK_HTTP_PORT'])(
    'ends dev with one line: %s',
    async (name) => {
      const { code, stderr } = await runCli(['dev'], { cwd: folder.path, env: { [name]: String(port) } });
      expect(code).toBe(1);
      expect(stderr).toMatch(new RegExp(`^tidemark: Port ${port} on 127.0.0.1 is in use: [^\n]+\n$`));
      expect(readdirSync(folder.path)).toEqual([]);
    },
  );
});
