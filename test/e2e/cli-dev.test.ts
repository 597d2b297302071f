import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createPool } from '../../src/postgres/pool.ts';
import { createFolder, type RunningCli, runCli, startCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Its first screen to the end, which may come in pieces. */
const READY = /^Running until Ctrl-C\..*^npx tidemark (?:demo kill|doctor)$/ms;
const START_MS = 90_000;

let folder: ReturnType<typeof createFolder>;
let dev: RunningCli | undefined;

function startDev(...args: string[]): RunningCli {
  dev = startCli(['dev', ...args], { cwd: folder.path, timeoutMs: 300_000 });
  return dev;
}

const cli = (...args: string[]) => runCli(args, { cwd: folder.path, timeoutMs: 120_000 });

/** @returns how long it took, in ms */
async function stopDev(running: RunningCli): Promise<number> {
  const askedAt = performance.now();
  running.child.kill('SIGINT');
  const { code, stderr } = await running.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return performance.now() - askedAt;
}

const devFile = () => join(folder.path, '.tidemark/dev.json');
const environment = () => JSON.parse(readFileSync(devFile(), 'utf8'));

beforeAll(() => {
  folder = createFolder();
});
afterEach(async () => {
  dev?.child.kill('SIGKILL');
  await dev?.ended;
  dev = undefined;
});
afterAll(() => folder.remove());

describe('tidemark dev --demo', () => {
  let firstScreen = '';

  test('imports, snapshots and compares the example, and ends its first screen with what happened', { timeout: 180_000 }, async () => {
    const running = startDev('--demo');
    firstScreen = await running.waitFor(READY, 150_000);
    expect(firstScreen).toContain('A new database: nothing in it yet');
    const rows = readFileSync(join(root, 'examples/data/us-airports.csv'), 'utf8').trimEnd().split('\n').length;
    const shown = (name: string) => Number(new RegExp(`^${name} +([\\d,]+)`, 'm').exec(firstScreen)?.[1]?.replaceAll(',', ''));
    expect(shown('rows')).toBe(rows);
    expect(rows).toBeGreaterThanOrEqual(3_000);
    expect(shown('entries')).toBeGreaterThanOrEqual(300);
    expect(shown('snapshots')).toBeGreaterThanOrEqual(3);
    expect(shown('blobs')).toBeGreaterThan(3);
    expect(firstScreen).toMatch(/^seconds +\d+\.\d$/m);
    expect(firstScreen).toMatch(/all [\d,]+ cells are as in the file/);
    for (const command of ['npx tidemark show us-airports A1:G10', 'npx tidemark work --stats', 'npx tidemark demo kill']) {
      expect(firstScreen).toContain(`\n${command}\n`);
    }

    const [, page = ''] = /^page +(http:\/\/127\.0\.0\.1:\d+\/)$/m.exec(firstScreen) ?? [];
    expect(page).toBe(`${environment().serverUrl}/`);
    expect(await (await fetch(`${page}logs`)).json()).toMatchObject({
      logs: [{ id: 'us-airports', nextSequenceId: String(shown('entries')) }],
    });

    // What it says is so, looked at without it.
    const pool = createPool({ connectionString: environment().databaseUrl, max: 1 });
    const counted = await pool.query(
      `select count(*)::integer as entries, count(snapshot)::integer as snapshots, count(pending)::integer as pending from tidemark.entries`,
    );
    const work = await pool.query(
      `select state, count(*)::integer as units, min(execution) as execution from tidemark.work group by state`,
    );
    await pool.end();
    expect(counted.rows).toEqual([{ entries: shown('entries'), snapshots: shown('snapshots'), pending: 0 }]);
    expect(work.rows).toEqual([{ state: 'done', units: shown('snapshots'), execution: expect.any(String) }]);
    const [, url = '', id = ''] = /^(http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/(\S+))$/m.exec(firstScreen) ?? [];
    expect(decodeURIComponent(id)).toMatch(/^[a-z0-9]{8}\/snapshot\/us-airports\/\d+$/);
    expect((await fetch(url)).status).toBe(200);
    const api = url.replace('/namespaces/', '/api/v1/namespaces/');
    expect(await (await fetch(api)).json()).toMatchObject({
      workflowExecutionInfo: { status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED', type: { name: 'snapshot' } },
    });

    // Its password is for its owner's eyes.
    const password = new URL(environment().databaseUrl).password;
    expect(password.length).toBeGreaterThan(10);
    expect(firstScreen).not.toContain(password);
    expect(statSync(devFile()).mode & 0o777).toBe(0o600);
    for (const log of ['worker.log', 'server.log'])
      expect(readFileSync(join(folder.path, '.tidemark', log), 'utf8')).not.toContain(password);

    const pids = [environment().pid, running.child.pid];
    expect(pids[0]).toBe(pids[1]);
    expect(await stopDev(running)).toBeLessThan(10_000);
    expect(existsSync(devFile())).toBe(false);
    await expect(fetch(url)).rejects.toThrow();
    await expect(fetch(page)).rejects.toThrow();
  });

  test('goes on with what was kept, and says what that is', { timeout: 180_000 }, async () => {
    const running = startDev('--demo');
    const screen = await running.waitFor(READY, START_MS);
    expect(screen).toMatch(/Going on with what was kept: 1 log, \d+ entries; work: 0 pending, 3 finished/);
    expect(screen).toContain('All rows were there already; all');

    const second = await cli('dev');
    expect(second).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^tidemark: tidemark dev is already running in \S+ \(process \d+\): [^\n]+\n$/),
    });

    const show = await cli('show', 'us-airports', 'A1:C2', '--json');
    expect(JSON.parse(show.stdout).values).toEqual([
      ['iata', 'name', 'city'],
      ['00M', 'Thigpen', 'Bay Springs'],
    ]);
    const work = await cli('work', 'snapshot/us-airports/99');
    expect(work.stdout).toContain(`${environment().uiUrl}/namespaces/default/workflows/`);
    const doctor = await cli('doctor', '--json');
    const { findings } = JSON.parse(doctor.stdout);
    expect(findings.filter(({ state }: { state: string }) => state !== 'ok')).toEqual([]);
    expect(findings).toContainEqual({ check: 'server', state: 'ok', found: expect.stringContaining(`at ${environment().serverUrl}/`) });

    const kill = await cli('demo', 'kill', '--json');
    expect(kill.code).toBe(0);
    const takeover = JSON.parse(kill.stdout);
    expect(takeover).toMatchObject({ workId: 'snapshot/demo-kill/1999' });
    expect(takeover.attempts).toBeGreaterThanOrEqual(2);
    expect(takeover.takenOverBy).not.toBe(takeover.killed);
    expect(takeover.begunAgainSeconds).toBeLessThan(takeover.finishedSeconds);
    expect(takeover.begunAgainSeconds).toBeLessThan(15);
    expect(() => process.kill(takeover.killed, 0)).toThrow();
    const pool = createPool({ connectionString: environment().databaseUrl, max: 1 });
    const { rows } = await pool.query(
      `select to_regnamespace('tidemark_demo') as schema, (select count(*)::integer from tidemark.work) as units`,
    );
    await pool.end();
    expect(rows).toEqual([{ schema: null, units: 3 }]);
    await stopDev(running);
  });
});

describe('tidemark dev', () => {
  test('runs the application that init has written, and with --watch its next version', { timeout: 180_000 }, async () => {
    await mkdir(join(folder.path, 'node_modules'), { recursive: true });
    // As installed: the package under its name, and what the application itself imports.
    symlinkSync(process.env.CLI_UNDER_TEST ? join(process.env.CLI_UNDER_TEST, '../..') : root, join(folder.path, 'node_modules/tidemark'));
    for (const name of ['pg', 'zod']) symlinkSync(join(root, 'node_modules', name), join(folder.path, 'node_modules', name));
    expect(JSON.parse((await cli('init', '--json')).stdout)).toMatchObject({ missing: [] });

    const running = startDev('--watch');
    await running.waitFor(READY, START_MS);
    const example = await runExample();
    expect(example).toContain('appended entry 0n');
    expect(example).toContain('state { items: { tea: 2 } }');
    await running.waitFor('order-1: confirming entry 0 (attempt 1): tea 2');

    const file = join(folder.path, 'tidemark.config.mjs');
    const content = readFileSync(file, 'utf8');
    writeFileSync(file, `${content}\nnot javascript`);
    await running.waitFor('tidemark.config.mjs changed: starting worker and server anew');
    await running.waitFor(/warning: The server ended: The app \S+tidemark\.config\.mjs does not load: .* Trying again until it works\./);
    await running.waitFor(/warning: The worker ended: The app \S+tidemark\.config\.mjs does not load: .* Trying again until it works\./);
    writeFileSync(file, content.replace('confirming entry', 'second version confirms'));
    await runExample();
    await running.waitFor('order-1: second version confirms 1 (attempt 1): tea 2', 60_000);
    const listLogs = () =>
      fetch(`${environment().serverUrl}/logs?type=order`).then(
        (answer) => answer.json(),
        () => undefined,
      );
    await until('the server is there again', async () => ((await listLogs()) as { logs?: unknown[] })?.logs?.length === 1, 60_000);
    await stopDev(running);
  });

  test('ends with one line where the app does not load, and leaves nothing running', { timeout: 120_000 }, async () => {
    writeFileSync(join(folder.path, 'broken.mjs'), 'throw new Error("no");');
    const { code, stderr } = await cli('dev', '--app', 'broken.mjs');
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^tidemark: The worker ended: The app \S+broken\.mjs does not load: no\n$/),
    });
    expect(existsSync(devFile())).toBe(false);
  });

  async function runExample(): Promise<string> {
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['tidemark-example.mjs'], {
      cwd: folder.path,
      env: { PATH: process.env.PATH ?? '' },
      timeout: 60_000,
    });
    let said = '';
    child.stdout.on('data', (text) => {
      said += text;
    });
    child.stderr.on('data', (text) => {
      said += text;
    });
    await new Promise((resolve) => child.once('close', resolve));
    return said;
  }
});

test('tidemark demo kill brings servers of its own where no dev is running, and leaves nothing behind', { timeout: 180_000 }, async () => {
  const own = createFolder();
  try {
    const { code, stdout, stderr } = await runCli(['demo', 'kill', '--entries', '1500'], { cwd: own.path, timeoutMs: 150_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/Worker \d+ is in the middle of snapshot\/demo-kill\/1499: killed \(SIGKILL\)/);
    expect(stdout).toMatch(/After \d+\.\d\d s the other worker began it again/);
    expect(stdout).toMatch(/After \d+\.\d\d s the snapshot is there, by worker \d+, once, with all 750,000 cells/);
    expect(existsSync(join(own.path, '.tidemark'))).toBe(false);
  } finally {
    own.remove();
  }
});
