/**
 * Who delivers messages: Tidemark; a plain loop; graphile-worker and pg-boss, each set as its documentation says for throughput, with ends as durable as
 * ours. All run the same unit, 8 at a time, in a database of their own on the same server, and hand out what one transaction has asked for.
 */
import { Logger, run } from 'graphile-worker';
import PgBoss from 'pg-boss';
import { z } from 'zod';
import { missingBlobStore } from '../../src/blob-store/missing-blob-store.ts';
import { applySubscriptions } from '../../src/messages/apply-subscriptions.ts';
import { defineWorker } from '../../src/messages/define-worker.ts';
import { defineTopics } from '../../src/messages/topic.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { startWorker } from '../../src/temporal/start-worker.ts';
import { createTidemark } from '../../src/tidemark.ts';
import type { Environment } from './environment.ts';
import { prepareUnits, type Units } from './message-unit.ts';

export const CONCURRENCY = 8;
const TOPIC = 'unit-asked';

export interface MessageQueue {
  readonly units: Units;
  /** Asks for so many in one transaction, and returns once that has committed; they are being done from then on. */
  ask(count: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startTidemark(environment: Environment): Promise<MessageQueue> {
  const units = await prepareUnits(environment);
  const { database } = units;
  const topics = defineTopics({ [TOPIC]: z.object({ id: z.number() }) });
  const worker = defineWorker(topics, {
    topic: TOPIC,
    subscription: 'units',
    maxMessages: CONCURRENCY,
    handler: ({ data }) => units.carryOut(database.pool, data.id),
  });
  await applySubscriptions(database.db, [worker]);
  const tidemark = createTidemark({ db: database.pool, topics, workers: [worker] });
  const running = await startWorker({
    registry: tidemark.registry,
    pool: database.pool,
    statements: database.statements,
    schema: 'tidemark',
    blobs: missingBlobStore,
    temporal: await environment.temporal(),
    starter: { connectionString: database.url, log: (_, message) => environment.say(message) },
  });
  return {
    units,
    async ask(count) {
      const before = await units.add(count);
      await database.pool.query(
        `select tidemark.publish_message($1, json_build_object('id', $2::bigint + n)) from generate_series(1, $3::integer) n`,
        [TOPIC, before, count],
      );
      running.wake();
    },
    async stop() {
      await running.stop();
      await tidemark.close();
    },
  };
}

/** One transaction a message: locked, done, marked. */
export async function startPlainLoop(environment: Environment): Promise<MessageQueue> {
  const units = await prepareUnits(environment);
  const { owner, pool } = units.database;
  await owner.query(`
    create table public.queue (id bigint primary key, state text not null default 'ready') with (fillfactor = 70);
    create index queue_ready on public.queue (id) where state = 'ready';
    grant all on public.queue to public`);
  let stopped = false;
  let wake = () => {};
  let waking = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const lane = async () => {
    while (!stopped) {
      const found = await inTransaction(pool, async (client) => {
        const { rows } = await client.query(`select id from public.queue where state = 'ready' order by id limit 1 for update skip locked`);
        if (rows[0] === undefined) {
          return false;
        }
        await units.carryOut(client, Number(rows[0].id));
        await client.query(`update public.queue set state = 'done' where id = $1`, [rows[0].id]);
        return true;
      });
      if (!found) {
        await waking;
      }
    }
  };
  const lanes = Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return {
    units,
    async ask(count) {
      const before = await units.add(count);
      await pool.query(`insert into public.queue (id) select $1::bigint + n from generate_series(1, $2::integer) n`, [before, count]);
      const woken = wake;
      waking = new Promise((resolve) => {
        wake = resolve;
      });
      woken();
    },
    async stop() {
      stopped = true;
      wake();
      await lanes;
    },
  };
}

export async function startGraphileWorker(environment: Environment): Promise<MessageQueue> {
  const units = await prepareUnits(environment);
  const { owner, pool } = units.database;
  const runner = await run({
    pgPool: owner,
    taskList: {
      [TOPIC]: async (payload) => units.carryOut(pool, (payload as { id: number }).id),
    },
    preset: {
      worker: { concurrentJobs: CONCURRENCY, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
    },
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
  });
  return {
    units,
    async ask(count) {
      const before = await units.add(count);
      await owner.query(
        `select count(graphile_worker.add_job($1, json_build_object('id', $2::bigint + n))) from generate_series(1, $3::integer) n`,
        [TOPIC, before, count],
      );
    },
    stop: () => runner.stop(),
  };
}

/** Each of its workers takes 50 at a time, does one after the other, and ends them together. */
export async function startPgBoss(environment: Environment): Promise<MessageQueue> {
  const units = await prepareUnits(environment);
  const { owner, pool } = units.database;
  const boss = new PgBoss({
    // A run that is interrupted ends its pools; it goes on asking, and an error there would take the process down.
    db: { executeSql: async (text, values) => (owner.ending ? { rows: [] } : owner.query(text, values)) },
    supervise: false,
    schedule: false,
  });
  boss.on('error', (error) => environment.say(error.message));
  await boss.start();
  await boss.createQueue(TOPIC);
  const workers = await Promise.all(
    Array.from({ length: CONCURRENCY }, () =>
      boss.work<{ id: number }>(TOPIC, { batchSize: 50, pollingIntervalSeconds: 0.5, priority: false }, async (jobs) => {
        for (const { data } of jobs) {
          await units.carryOut(pool, data.id);
        }
      }),
    ),
  );
  return {
    units,
    async ask(count) {
      const before = await units.add(count);
      await boss.insert(Array.from({ length: count }, (_, n) => ({ name: TOPIC, data: { id: before + 1 + n } })));
      for (const worker of workers) {
        boss.notifyWorker(worker);
      }
    },
    stop: () => boss.stop({ graceful: true, close: false }),
  };
}
