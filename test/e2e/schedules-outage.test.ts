/** Schedules whose times come while nothing runs that carries them out: each time adds one job, and each job takes effect once. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedTemporal } from '../../src/embedded/temporal.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { scheduleIdOf } from '../../src/temporal/schedule-settings.ts';
import { waitingSchedules } from '../../src/temporal/waiting-schedules.ts';
import { installationId } from '../../src/work/register.ts';
import { createFolder, distFile, type RunningCli, runCli, runCliHere, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestTemporal } from '../support/servers.ts';
import { until } from '../support/until.ts';

const EVERY_MS = 2_000;
let folder: ReturnType<typeof createFolder>;
let database: TestDatabase;
let temporal: EmbeddedTemporal | undefined;
let env: Record<string, string>;
const running: RunningCli[] = [];

beforeAll(async () => {
  folder = createFolder();
  database = await createTestDatabase();
  temporal = await startTestTemporal(folder.path);
  await database.ownerPool.query('create table public.fired (job text, due timestamptz); grant all on public.fired to public');
  env = { DATABASE_URL: database.appUrl, TEMPORAL_ADDRESS: temporal.address, TIDEMARK_BLOBS: join(folder.path, 'blobs') };
  writeFileSync(
    join(folder.path, 'tidemark.config.mjs'),
    `import { createTidemark, defineJob, defineSchedule, firingOf } from '${distFile('index.js')}';
     import { z } from '${import.meta.resolve('zod')}';
     const tick = defineJob({ name: 'tick', input: z.object({}), keep: { completed: 1000 }, handler: async (_, { db, jobId }) => {
       await db.query('insert into public.fired values ($1, $2)', [jobId, firingOf(jobId).dueAt]);
     } });
     const db = { query: async () => ({ rows: [] }) };
     export default createTidemark({ db, jobs: [tick], schedules: [
       defineSchedule({ name: 'tick', everyMs: ${EVERY_MS}, job: tick, overlap: 'allow' }),
       defineSchedule({ name: 'daily', cron: '0 10 * * *', timezone: 'Europe/Berlin', job: tick, catchUpMs: 3 * 86_400_000 }),
     ] });`,
  );
});
afterAll(async () => {
  await killAll();
  await temporal?.kill();
  await database?.drop();
  folder?.remove();
});

const start = () => {
  for (const door of [['worker', '--no-starter'], ['starter']]) running.push(startCli(door, { cwd: folder.path, env, timeoutMs: 120_000 }));
};
async function killAll(): Promise<void> {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.splice(0).map(({ ended }) => ended));
}
const fired = async (schedule = 'tick'): Promise<number[]> => {
  const { rows } = await database.pool.query('select due from public.fired where job like $1 order by due', [`tick:${schedule}/%`]);
  return rows.map(({ due }) => due.getTime());
};
const untilFired = (count: number) => until(`it has fired ${count} times`, async () => (await fired()).length >= count, 60_000);

test('worker, starter and Temporal are killed, and come back one after another: what was due is caught up with, once each', {
  timeout: 120_000,
}, async () => {
  start();
  await untilFired(1);
  await killAll();
  await temporal?.kill();
  const before = (await fired()).length;
  const missedFrom = Date.now();
  await until('two times are missed', () => Date.now() > missedFrom + 2 * EVERY_MS);

  // Temporal alone: the times are there, and nobody adds their jobs.
  temporal = await startTestTemporal(folder.path, { port: Number(env.TEMPORAL_ADDRESS?.split(':')[1]) });
  const installation = await installationId(database.db);
  const client = await connectClient({ address: temporal.address, namespace: 'default' });
  await until('firings wait for a worker', async () => (await waitingSchedules(client, installation)) >= 3, 30_000);
  await (client.connection as Connection).close();
  expect(await fired()).toHaveLength(before);

  start();
  await untilFired(before + 4);
  await runCli(['schedules', 'pause', 'tick'], { cwd: folder.path, env });
  await until('all is done', async () => {
    const { rows } = await database.pool.query(`select from tidemark.work where state <> 'done'`);
    return rows.length === 0;
  });
  const times = await fired();
  const [first = 0] = times;
  expect(times).toEqual(times.map((_, index) => first + index * EVERY_MS));
  expect(times.at(-1)).toBeGreaterThan(missedFrom + 2 * EVERY_MS);
});

test('no process runs when it is 10:00: wake says that one is needed, a worker does what is due and ends, and wake says that none is', {
  timeout: 120_000,
}, async () => {
  await killAll();
  const run = (...args: string[]) => runCliHere(args, { cwd: folder.path, env });
  expect(await run('wake')).toMatchObject({ code: 3, stdout: expect.stringMatching(/^Nothing is due/) });

  // Temporal's own calendar says which times of the last two days are 10:00, and fires the last of them as it would have then.
  const client = await connectClient({ address: env.TEMPORAL_ADDRESS as string, namespace: 'default' });
  const daily = client.schedule.getHandle(scheduleIdOf(await installationId(database.db), 'daily'));
  const due = lastTenInBerlin(Date.now());
  await daily.backfill({ start: new Date(due - 1_000), end: new Date(due), overlap: 'ALLOW_ALL' });
  await until('wake says so', async () => (await run('wake')).code === 0, 30_000);
  expect(await run('wake')).toMatchObject({ code: 0, stdout: 'Work waits: 1 asked for by a schedule.\n' });
  expect(await fired('daily')).toEqual([]);

  const { code, stdout } = await runCli(['worker', '--exit-when-idle', '5'], { cwd: folder.path, env, timeoutMs: 60_000 });
  expect(stdout).toContain('nothing to do for 5 s: ending');
  expect(code).toBe(0);
  expect(await fired('daily')).toEqual([due]);
  expect((await run('wake')).code).toBe(3);
  await (client.connection as Connection).close();
});

function lastTenInBerlin(now: number): number {
  const hour = new Intl.DateTimeFormat('en', { timeZone: 'Europe/Berlin', hour: 'numeric', hourCycle: 'h23' });
  let time = Math.floor(now / 3_600_000) * 3_600_000;
  while (hour.format(time) !== '10') time -= 3_600_000;
  return time;
}
