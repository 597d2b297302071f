/**
 * Who runs jobs that do nothing: Tidemark; graphile-worker and pg-boss, each set as its documentation says for throughput, with ends as durable as ours; BullMQ
 * where there is a Redis. 8 at a time, each in a database of its own on the same server.
 */
import { createConnection } from 'node:net';
import { Logger, run } from 'graphile-worker';
import PgBoss from 'pg-boss';
import type { Environment } from './environment.ts';
import { startJobApp } from './job-app.ts';

export const CONCURRENCY = 8;
const NAME = 'work';

export interface JobQueue {
  /** Asks for so many in one transaction, and returns once that has committed; they are being done from then on. */
  ask(count: number): Promise<void>;
  /** How many have not ended. */
  left(): Promise<number>;
  stop(): Promise<void>;
}

/** Told of each job that runs. */
type OnRun = () => void;

export async function startTidemark(environment: Environment, onRun: OnRun = () => {}): Promise<JobQueue> {
  const database = await environment.database();
  const app = await startJobApp(environment, database, { handler: onRun, concurrency: CONCURRENCY });
  return {
    ask: (count) => app.enqueueMany(count),
    left: async () =>
      countOf(await database.owner.query(`select count(*) from tidemark.work where state in ('waiting', 'ready', 'claimed', 'started')`)),
    stop: () => app.stop(),
  };
}

export async function startGraphileWorker(environment: Environment, onRun: OnRun = () => {}): Promise<JobQueue> {
  const { owner } = await environment.database();
  const runner = await run({
    pgPool: owner,
    taskList: { [NAME]: async () => onRun() },
    preset: { worker: { concurrentJobs: CONCURRENCY, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
  });
  return {
    async ask(count) {
      await owner.query(`select count(graphile_worker.add_job($1, json_build_object('id', n))) from generate_series(1, $2::integer) n`, [
        NAME,
        count,
      ]);
    },
    left: async () => countOf(await owner.query('select count(*) from graphile_worker.jobs')),
    stop: () => runner.stop(),
  };
}

/** Each of its workers takes 500 at a time, twice a second, and ends them together: jobs that do nothing would wait for the next fetch otherwise. */
export async function startPgBoss(environment: Environment, onRun: OnRun = () => {}): Promise<JobQueue> {
  const { owner } = await environment.database();
  const boss = new PgBoss({ db: { executeSql: (text, values) => owner.query(text, values) }, supervise: false, schedule: false });
  boss.on('error', (error) => environment.say(error.message));
  await boss.start();
  await boss.createQueue(NAME);
  const options = { batchSize: 500, pollingIntervalSeconds: 0.5, priority: false };
  const workers = await Promise.all(Array.from({ length: CONCURRENCY }, () => boss.work(NAME, options, async () => onRun())));
  return {
    async ask(count) {
      await boss.insert(Array.from({ length: count }, (_, id) => ({ name: NAME, data: { id } })));
      for (const worker of workers) boss.notifyWorker(worker);
    },
    left: async () => countOf(await owner.query(`select count(*) from pgboss.job where name = $1 and state < 'completed'`, [NAME])),
    stop: () => boss.stop({ graceful: true, close: false }),
  };
}

const REDIS = { host: '127.0.0.1', port: 6_379 };

/** BullMQ is none of this project's packages: it is looked for when it could run. @returns undefined, having said why, where it cannot */
export async function startBullMq(environment: Environment): Promise<JobQueue | undefined> {
  const leave = (why: string) => environment.say(`  BullMQ is left out: ${why}`);
  if (!(await answers(REDIS))) {
    leave(`there is no Redis at ${REDIS.host}:${REDIS.port}`);
    return undefined;
  }
  const bullmq = await import('bullmq' as string).catch(() => undefined);
  if (bullmq === undefined) {
    leave('there is a Redis, and no package bullmq. npm install --no-save bullmq');
    return undefined;
  }
  const queue = new bullmq.Queue(`tidemark-bench-${process.pid}`, { connection: REDIS, defaultJobOptions: { removeOnComplete: true } });
  const worker = new bullmq.Worker(queue.name, async () => {}, { connection: REDIS, concurrency: CONCURRENCY });
  return {
    ask: (count) => queue.addBulk(Array.from({ length: count }, (_, id) => ({ name: NAME, data: { id } }))),
    left: () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized'),
    async stop() {
      await worker.close();
      await queue.obliterate({ force: true });
      await queue.close();
    },
  };
}

function answers(at: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ ...at, timeout: 500 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

function countOf({ rows }: { rows: { count: string }[] }): number {
  return Number(rows[0]?.count);
}
