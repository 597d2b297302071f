/** The same kill without Tidemark: a bare workflow with one local activity, two workers, nothing tuned. */
import { randomBytes } from 'node:crypto';
import { connectClient } from '../../src/temporal/connection.ts';
import { until } from '../../test/support/until.ts';
import type { BareTakeoverSettings } from './bare-takeover-worker.ts';
import { type Child, startChild } from './child.ts';
import type { Environment } from './environment.ts';

const DEADLINE_MS = 60_000;

/** @returns seconds from each kill to the activity begun again */
export async function measureBareTakeover(environment: Environment, kills: number): Promise<number[]> {
  const { owner, pool, url } = await environment.database({ connections: 4 });
  await owner.query(`
    create table public.run (number bigint generated always as identity, unit text, pid integer, at timestamptz default clock_timestamp());
    create table public.gate (name text primary key);
    grant all on public.run, public.gate to tidemark_app`);
  const { address } = await environment.temporal();
  const settings: BareTakeoverSettings = { databaseUrl: url, address, taskQueue: `bare-${randomBytes(4).toString('hex')}` };
  const start = () => startChild('bench/support/bare-takeover-worker.js', settings);
  const workers: Child[] = [await start(), await start()];
  const client = await connectClient({ address, namespace: 'default' });
  const seconds: number[] = [];
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const unit = `kill-${kill}`;
      const runs = async () => (await pool.query('select pid, at from public.run where unit = $1 order by number', [unit])).rows;
      const workflowId = `${settings.taskQueue}/${unit}`;
      const handle = await client.workflow.start('bareWait', { workflowId, taskQueue: settings.taskQueue, args: [unit] });
      const first = await until('a worker has the work in hand', async () => (await runs())[0], DEADLINE_MS);
      const victim = workers.findIndex(({ pid }) => pid === first.pid);
      const { rows: clock } = await pool.query('select clock_timestamp() as now');
      await workers[victim]?.kill();
      const again = await until('another has begun it', async () => (await runs()).find(({ pid }) => pid !== first.pid), DEADLINE_MS);
      seconds.push((again.at.getTime() - clock[0].now.getTime()) / 1_000);
      await pool.query('insert into public.gate values ($1)', [unit]);
      await handle.result();
      workers[victim] = await start();
    }
    return seconds;
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await client.connection.close();
  }
}
