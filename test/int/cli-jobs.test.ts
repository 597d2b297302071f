/** `tidemark jobs`: what it lists and shows, what watching ends with, and what it decides. */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { doorsOf } from '../../src/cli/service-type.ts';
import { createTidemark, defineJob, type JobContext, NonRetryableError } from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createFolder, runCliHere } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let handle: (context: JobContext) => unknown = () => undefined;
const report = defineJob({ name: 'report', input: z.object({ month: z.string() }), handler: (_, context) => handle(context) });
const zod = pathToFileURL(fileURLToPath(new URL('../../node_modules/zod/index.js', import.meta.url))).href;
/** By its shape an application: the command is not built here. */
const APP = `
import { z } from ${JSON.stringify(zod)};
const report = { name: 'report', input: z.object({ month: z.string() }), handler() {} };
const none = new Map();
export default { schema: 'tidemark', registry: { logTypes: none, entryWork: none, workers: none, jobs: new Map([['report', report]]) } };
`;

/** What its job does needs all that the application defines. @param options of the instance, as text */
const noting = (options: string) => `
import { z } from ${JSON.stringify(zod)};
const noted = { name: 'noted', input: z.unknown(), handler: (_, { publish }) => publish('told', { by: 'a job' }) };
const told = { name: 'told', encoding: 'json', encode: JSON.stringify, decode: (stored) => stored };
const none = new Map();
const registry = { logTypes: none, entryWork: none, workers: none, jobs: new Map([['noted', noted]]), topics: { told } };
export default { schema: 'tidemark', registry, ${options} };
`;

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let tidemark: ReturnType<typeof create>;
const create = () => createTidemark({ db: database.pool, jobs: [report] });

beforeAll(async () => {
  [database, folder] = [await createTestDatabase(), createFolder()];
  tidemark = create();
  writeFileSync(join(folder.path, 'tidemark.config.mjs'), APP);
  writeFileSync(join(folder.path, 'silent.mjs'), noting(''));
  writeFileSync(join(folder.path, 'here.mjs'), noting('useJobs: false'));
  writeFileSync(join(folder.path, 'workers.mjs'), noting('useJobs: true'));
});
beforeEach(async () => {
  handle = () => undefined;
  await database.ownerPool.query('delete from tidemark.work; truncate tidemark.job_dedupe');
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
  folder?.remove();
});

const cli = (args: string[], env: Record<string, string> = {}, onOutput?: (all: string) => unknown) =>
  runCliHere(['jobs', ...args], { cwd: folder.path, env: { DATABASE_URL: database.appUrl, ...env }, onOutput });
const json = async (args: string[]) => JSON.parse((await cli([...args, '--json'])).stdout);
const enqueue = (id: string, options = {}) => tidemark.enqueue(report, { month: '2026-11' }, { id, ...options });
const later = { notBefore: new Date(Date.now() + 3_600_000) };
const ESCAPE = '\x1b';

describe('tidemark jobs', () => {
  test('lists jobs, and shows one with all there is to know; nothing in it reaches the terminal as a command', async () => {
    handle = async ({ progress, logger }) => {
      await progress({ fraction: 0.5, message: `half${ESCAPE}[2J`, counts: { rows: 1_200 } });
      logger.info(`a line\n${ESCAPE}]0;title`, { at: 3 });
      throw new NonRetryableError(`no such month${ESCAPE}[31m`);
    };
    await enqueue('dead', { actor: `ann${ESCAPE}c` });
    await runUntilIdle(tidemark);
    await enqueue('waits', later);
    const { stdout } = await cli(['list']);
    expect(stdout).toMatch(/^report:waits +waiting +0 /m);
    expect(stdout).toMatch(/^report:dead +dead +1 .* ann\\u001bc +non_retryable: no such month\\u001b\[31m$/m);
    expect((await json(['list', '--state', 'dead', '--name', 'report'])).jobs).toMatchObject([{ id: 'report:dead', state: 'dead' }]);
    const shown = await cli(['show', 'report:dead']);
    expect(shown.stdout).toContain('progress    50 % half\\u001b[2J (rows 1,200)');
    expect(shown.stdout).toContain('input       {"month":"2026-11"}');
    expect(shown.stdout).toMatch(/attempt 1 +failed at \S+: non_retryable: no such month/);
    expect(shown.stdout).toMatch(/output +\S+ info a line\\n\\u001b\]0;title \{"at":3\}/);
    expect(`${stdout}${shown.stdout}`).not.toContain(ESCAPE);
    expect(await cli(['show', 'report:nobody'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("There is no job 'report:nobody'"),
    });
  });

  test('watches one to its end: a line for each change, its result, and 0 where it is done', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    handle = async ({ progress }) => {
      await progress({ fraction: 0.25, message: 'reading' });
      await gate;
      return { rows: 4 };
    };
    await enqueue('done');
    const ran = runUntilIdle(tidemark);
    const { code, stdout } = await cli(['watch', 'report:done'], {}, (all) => all.includes('25 %') && go());
    await ran;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^report:done running 25 % reading\nreport:done done 25 % reading\n\{"rows":4\}\n$/m);
    expect(await json(['watch', 'report:done'])).toMatchObject({ state: 'done', result: { rows: 4 } });
  });

  test('draws a bar on a terminal, and ends with 1 where it is not done', async () => {
    const job = await enqueue('cancelled');
    const wasTerminal = process.stderr.isTTY;
    process.stderr.isTTY = true;
    try {
      await database.ownerPool.query(`update tidemark.work set progress = '{"fraction":0.5,"message":"half"}'`);
      const { code, stdout, stderr } = await cli(['watch', 'report:cancelled'], { CI: '' }, (all) => all.includes('half') && job.cancel());
      expect(stderr).toContain('████████████░░░░░░░░░░░░ report:cancelled waiting 50 % half');
      expect({ code, stdout }).toEqual({ code: 1, stdout: 'report:cancelled cancelled 50 % half\n' });
    } finally {
      process.stderr.isTTY = wasTerminal;
    }
  });

  test('runs one of the app, once under an id; one that waits goes first', async () => {
    expect(await cli(['run', 'report', '--input', '{"month":"1"}', '--id', 'x', '--in', '1h', '--priority', '5'])).toMatchObject({
      code: 0,
      stdout: 'report:x\n',
    });
    expect(await cli(['run', 'report', '--input', '{"month":"1"}', '--id', 'x'])).toMatchObject({ stdout: 'report:x is there already.\n' });
    expect(await tidemark.job('report:x').status()).toMatchObject({ priority: 5, input: { month: '1' }, actor: expect.any(String) });
    writeFileSync(join(folder.path, 'input.json'), '{"month":7}');
    expect(await cli(['run', 'report', '--input', '@input.json'])).toMatchObject({ code: 1, stderr: expect.stringContaining('month: ') });
    expect(await cli(['run', 'nothing'])).toMatchObject({ code: 1, stderr: expect.stringContaining('(known: report') });
    expect(await cli(['run', 'report:x', 'report:y', '--now'])).toMatchObject({
      code: 1,
      stdout: 'report:x goes first.\nreport:y does not wait: left as it is.\n',
    });
    expect(await tidemark.job('report:x').status()).toMatchObject({ priority: -100 });
  });

  test('cancels and redrives ids at once, and many after they were counted', async () => {
    for (const id of ['a', 'b', 'c']) await enqueue(id, { ...later, actor: id === 'c' ? 'bob' : 'ann' });
    expect(await cli(['cancel', 'report:a'])).toMatchObject({ code: 0, stdout: 'Cancelled: report:a.\n' });
    expect(await cli(['redrive', 'report:a'])).toMatchObject({ code: 1, stdout: 'report:a is not dead: left as it is.\n' });
    expect(await cli(['cancel', '--actor', 'ann'])).toMatchObject({ stdout: '1 match. Nothing done yet: add --yes to cancel it.\n' });
    expect(await json(['cancel', '--name', 'report', '--yes'])).toEqual({ jobs: 2 });
    expect(await json(['redrive', '--state', 'dead', '--yes'])).toEqual({ jobs: 0 });
  });

  test('does nothing where one of the ids is none, and tells what it has done where it cannot go on', async () => {
    for (const id of ['a', 'b']) await enqueue(id, later);
    for (const args of [['cancel'], ['redrive'], ['run', '--now'], ['show']])
      expect(await cli([...args, 'report:a', 'report3'])).toMatchObject({
        code: 2,
        stdout: '',
        stderr: "tidemark: 'report3' is not the id of a job: use <name>:<id>, as enqueue answers it.\n",
      });
    expect(await tidemark.job('report:a').status()).toMatchObject({ state: 'waiting', priority: 0 });

    await database.ownerPool.query(`create function public.refuse() returns trigger language plpgsql as $$ begin raise 'gone' using errcode = '57P01'; end $$;
      create trigger refuse before update on tidemark.work for each row when (old.id = 'job/report/b') execute function public.refuse()`);
    try {
      const failed = await cli(['cancel', 'report:a', 'report:b']);
      expect(failed).toMatchObject({
        code: 1,
        stdout: 'Cancelled: report:a.\n',
        stderr: expect.stringContaining('Try again when it is up'),
      });
    } finally {
      await database.ownerPool.query('drop function public.refuse() cascade');
    }
  });

  test('a job that cannot be looked at any more has not failed: its exit code is one of its own', async () => {
    await enqueue('lost', later);
    const { code, stdout, stderr } = await cli(['watch', 'report:lost'], {}, () => database.ownerPool.query('delete from tidemark.work'));
    expect({ code, stdout }).toEqual({ code: 4, stdout: 'report:lost waiting\n' });
    expect(stderr).toContain('What becomes of report:lost is not known: ');
    expect(await cli(['watch', 'report:lost'])).toMatchObject({ code: 1, stderr: expect.stringContaining('report:lost') });
  });

  test('whose user has no name is known by its number', async () => {
    const nameless = vi.spyOn(os, 'userInfo').mockImplementation(() => {
      throw new Error('uv_os_get_passwd returned ENOENT');
    });
    onTestFinished(() => nameless.mockRestore());
    expect(await cli(['run', 'report', '--input', '{"month":"1"}', '--id', 'x'])).toMatchObject({ code: 0, stderr: '' });
    expect((await tidemark.job('report:x').status()).actor).toBe(`uid ${process.getuid?.()}`);
  });

  test.each([
    ['silent.mjs', { USE_JOBS: 'off' }, 'done'],
    ['here.mjs', {}, 'done'],
    ['workers.mjs', { USE_JOBS: 'off' }, 'waiting'],
    ['silent.mjs', {}, 'waiting'],
  ])('runs one where %s and %j say: in the whole of the application, or in a worker', async (app, env, state) => {
    expect(await cli(['run', 'noted', '--id', 'x', '--app', app], env)).toMatchObject({ code: 0, stdout: 'noted:x\n', stderr: '' });
    expect(await tidemark.job('noted:x').status()).toMatchObject({ state });
  });

  test('where the app runs its jobs itself there is no worker of it', async () => {
    const here = (args: string[], env = {}) => runCliHere([...args, '--app', 'here.mjs'], { cwd: folder.path, env });
    const refused = { code: 1, stderr: expect.stringContaining('Leave that out of its createTidemark') };
    expect(await here(['worker'])).toMatchObject(refused);
    expect(await here(['run'], { SERVICE_TYPE: 'worker' })).toMatchObject(refused);
    expect(doorsOf(undefined, { useJobs: false, saidBy: 'app' })).toEqual(['server']);
    expect(doorsOf('monolith', { useJobs: true, saidBy: 'app' })).toEqual(['server', 'worker']);
  });

  test.each([
    [['cancel'], 'Say which: ids, or --name, --actor, --state'],
    [['cancel', 'report:a', '--name', 'report'], 'Say which'],
    [['redrive', '--state', 'done'], 'Only jobs that are dead can be redriven, not those that are done'],
    [['run', 'report', '--input', '{'], '--input is no JSON'],
    [['run', 'report:x'], 'ids with --now'],
    [['run', 'report:x', '--now', '--input', '1'], 'leave --input out'],
    [['run', 'report', '--priority', '101'], 'from -100 to 100'],
    [['list', '--state', 'gone'], "'gone' is not a state"],
  ])('called wrongly as %j says so', async (args, message) => {
    expect(await cli(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });
});
