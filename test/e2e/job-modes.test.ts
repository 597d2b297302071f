/** One application and one image, in each way that it may run: the same behaviour, and no wrong combination. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findFreePort } from '../../src/embedded/ports.ts';
import { applySubscriptions, createTidemark, defineTopics, defineWorker, type Tidemark } from '../../src/index.ts';
import { createFolder, distFile, type RunningCli, runCli, runCliHere, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { describeJobBehaviour, type Mode } from '../support/job-behaviour.ts';
import { temporalAddress } from '../support/servers.ts';

const app = fileURLToPath(new URL('../support/mode-app.mjs', import.meta.url));
const UP_MS = 40_000;
const topics = defineTopics({ noted: z.object({ by: z.string() }) });
const told = defineWorker(topics, { topic: 'noted', subscription: 'told', handler: () => {} });
const TABLES = `
  create table public.seen (what text, attempt integer, pid integer, at timestamptz default clock_timestamp());
  create table public.effect (what text); create table public.fact (what text); create table public.go (what text);
  grant all on public.seen, public.effect, public.fact, public.go to public;`;

let folder: ReturnType<typeof createFolder>;
beforeAll(() => {
  folder = createFolder();
  // Builds it, where that is due.
  distFile('cli.js');
}, 180_000);
afterAll(() => folder.remove());

interface Running extends Mode {
  database: TestDatabase;
  environment: Record<string, string>;
  processes: Map<string, RunningCli>;
  stop(): Promise<void>;
}

/** @param services environment of each process, by its name; the first is asked to enqueue, the last is killed */
async function startMode(services: Record<string, Record<string, string>>): Promise<Running> {
  const database = await createTestDatabase();
  await database.ownerPool.query(TABLES);
  await applySubscriptions(database.db, [told]);
  const tidemark: Tidemark = createTidemark({ db: database.pool, useJobs: true });
  const control = String(await findFreePort());
  const environment = {
    DATABASE_URL: database.appUrl,
    TEMPORAL_ADDRESS: temporalAddress(),
    TIDEMARK_BLOBS: 'postgres:',
    TIDEMARK_HTTP_PORT: '0',
  };
  const names = Object.keys(services);
  const processes = new Map<string, RunningCli>();
  const start = async (name: string) => {
    const env = { ...environment, ...services[name], ...(name === names[0] ? { CONTROL_PORT: control } : {}) };
    const cli = startCli(['run', '--app', app], { cwd: folder.path, env, timeoutMs: 120_000 });
    processes.set(name, cli);
    const lines = services[name]?.SERVICE_TYPE === 'monolith' ? /"msg":"running"[\s\S]*"msg":"running"/ : '"msg":"running"';
    await cli.waitFor(lines, UP_MS);
  };
  await Promise.all(names.map(start));
  const last = names.at(-1) as string;
  return {
    ...{ database, tidemark, environment, processes, pool: database.ownerPool },
    async ask(how, input, options = {}) {
      const answer = await fetch(`http://127.0.0.1:${control}/`, { method: 'POST', body: JSON.stringify({ how, input, options }) });
      return answer.json() as ReturnType<Mode['ask']>;
    },
    async restart() {
      await processes.get(last)?.ended;
      // Where nobody else looks, a process is taken for dead after a minute without a sign of life.
      await database.ownerPool.query(
        `update tidemark.work set check_after = clock_timestamp() where execution like 'inline/%' and state = 'started'`,
      );
      await start(last);
    },
    async stop() {
      for (const cli of processes.values()) {
        cli.child.kill('SIGKILL');
        await cli.ended;
      }
      await tidemark.close();
      await database.drop();
    },
  };
}

/** How the processes end is part of each mode. */
async function drained(running: Running): Promise<number[]> {
  const clis = [...running.processes.values()];
  for (const { child } of clis) child.kill('SIGTERM');
  return Promise.all(clis.map(async ({ ended }) => (await ended).code));
}

const MODES: Record<string, Record<string, Record<string, string>>> = {
  'a frontend and a worker': { frontend: { SERVICE_TYPE: 'frontend' }, worker: { SERVICE_TYPE: 'worker' } },
  'a monolith': { monolith: { SERVICE_TYPE: 'monolith' } },
  // Nobody is at that address.
  'USE_JOBS=off, without any Temporal': { frontend: { SERVICE_TYPE: 'frontend', USE_JOBS: 'off', TEMPORAL_ADDRESS: '127.0.0.1:1' } },
};

describe.each(Object.entries(MODES))('a job of %s', (name, services) => {
  let running: Running;
  beforeAll(async () => {
    running = await startMode(services);
  }, UP_MS * 2);
  afterAll(async () => {
    await running?.stop();
  });

  describeJobBehaviour(() => running);

  test('when they are asked to, its processes end', async () => {
    expect(await drained(running)).toEqual(Object.keys(services).map(() => 0));
  });

  if (name === 'a frontend and a worker') {
    test('a worker is started for what is due, and ends when nothing is', async () => {
      const { environment, tidemark, pool } = running;
      const tell = async () => {
        const { code, stdout } = await runCliHere(['wake', '--json'], { cwd: folder.path, env: environment });
        return { code, ...JSON.parse(stdout) };
      };
      expect(await tell()).toEqual({ code: 3, due: 0, running: 0, abandoned: 0, scheduled: 0 });
      const later = new Date(Date.now() + 3_600_000).toISOString();
      await pool.query(`select tidemark.enqueue_job('act', 'later', '{"id":"later","kind":"sum"}', 0::smallint, $1)`, [later]);
      expect(await tell()).toEqual({ code: 3, due: 0, running: 0, abandoned: 0, scheduled: 0, nextAt: later });
      await pool.query(`select tidemark.enqueue_job('act', 'due', '{"id":"due","kind":"sum"}')`);
      expect(await tell()).toMatchObject({ code: 0, due: 1 });
      const { code, stdout } = await runCli(['worker', '--app', app, '--exit-when-idle', '1'], { cwd: folder.path, env: environment });
      expect(code).toBe(0);
      expect(stdout).toContain('nothing to do for 1 s: ending');
      expect((await tidemark.job('act:due').status()).state).toBe('done');
      expect((await tidemark.job('act:later').status()).state).toBe('waiting');
      expect(await tell()).toMatchObject({ code: 3, nextAt: later });
    }, 60_000);
  }
});

describe('what does not go together is refused at the start, with what to do:', () => {
  test.each([
    [
      ['worker'],
      { SERVICE_TYPE: 'frontend' },
      "SERVICE_TYPE is 'frontend', which enqueues and serves, and 'tidemark worker' is a worker. Run 'tidemark run', or set SERVICE_TYPE=worker.",
    ],
    [
      ['starter'],
      { SERVICE_TYPE: 'monolith' },
      "SERVICE_TYPE is 'monolith', which serves and runs work in one process, and 'tidemark starter' is a worker.",
    ],
    [
      ['server'],
      { SERVICE_TYPE: 'worker' },
      "SERVICE_TYPE is 'worker', which runs work, and 'tidemark server' is a frontend. Run 'tidemark run', or set SERVICE_TYPE=frontend.",
    ],
    [
      ['worker'],
      { USE_JOBS: 'off' },
      "USE_JOBS is 'off', so jobs run in the process that enqueues them, and 'tidemark worker' has none to run. Set USE_JOBS=on, or leave the worker out: messages, snapshots and schedules then wait.",
    ],
    [['dev'], { USE_JOBS: 'off' }, "'tidemark dev' has none to run. Set USE_JOBS=on, or run 'tidemark server'"],
    [['run'], { USE_JOBS: 'off', SERVICE_TYPE: 'worker' }, "SERVICE_TYPE is 'worker' and USE_JOBS is 'off'"],
    [['run'], { SERVICE_TYPE: 'both' }, "SERVICE_TYPE is 'both': use one of frontend, worker, monolith."],
  ])('%j with %j', async (command, env, message) => {
    const { code, stderr } = await runCliHere(command, { cwd: folder.path, env });
    expect({ code, isNamed: stderr.includes(message), lines: stderr.trim().split('\n').length }, stderr).toEqual({
      code: 1,
      isNamed: true,
      lines: 1,
    });
  });
});
