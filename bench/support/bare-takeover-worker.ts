/** A bare worker in a process of its own, whose activity records that it has begun, and waits for its gate. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { createPool } from '../../src/postgres/pool.ts';
import { connectWorker } from '../../src/temporal/connection.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';

export interface BareTakeoverSettings {
  databaseUrl: string;
  address: string;
  taskQueue: string;
}

export interface WaitingActivities {
  wait(unit: string): Promise<void>;
}

const { databaseUrl, address, taskQueue } = JSON.parse(process.argv[2] ?? '') as BareTakeoverSettings;
installRuntime({ verbose: false, log: () => {} });
const pool = createPool({ connectionString: databaseUrl, max: 4 });
const activities: WaitingActivities = {
  async wait(unit) {
    await pool.query('insert into public.run (unit, pid) values ($1, $2)', [unit, process.pid]);
    while ((await pool.query('select 1 from public.gate where name = $1', [unit])).rows.length === 0) {
      await delay(20);
    }
  },
};
const { connection } = await connectWorker({ address, namespace: 'default' });
const workflowBundle = { codePath: fileURLToPath(new URL('./bare-workflow-bundle.js', import.meta.url)) };
const worker = await Worker.create({ connection, taskQueue, activities, workflowBundle });
const ran = worker.run();
console.log('up');
await ran;
