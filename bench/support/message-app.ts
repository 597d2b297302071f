/** Subscriptions of a topic on a running worker, for figures of messages; what a handler does is the figure's. */
import { z } from 'zod';
import { missingBlobStore } from '../../src/blob-store/missing-blob-store.ts';
import { applySubscriptions } from '../../src/messages/apply-subscriptions.ts';
import { defineWorker } from '../../src/messages/define-worker.ts';
import { defineTopics } from '../../src/messages/topic.ts';
import type { Queryable } from '../../src/postgres/queryable.ts';
import { startWorker } from '../../src/temporal/start-worker.ts';
import { createTidemark } from '../../src/tidemark.ts';
import type { BenchDatabase, Environment } from './environment.ts';

type Handler = (id: number, db: Queryable) => unknown;

export interface MessageApp {
  /** Publishes the ids from `from` to `to` to a subscription, in one transaction. */
  publish(subscription: string, from: number, to?: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param handlers by subscription; each has a topic of its own, of its name */
export async function startMessageApp(
  environment: Environment,
  database: BenchDatabase,
  handlers: Record<string, Handler>,
): Promise<MessageApp> {
  const topics = defineTopics(Object.fromEntries(Object.keys(handlers).map((name) => [name, z.object({ id: z.number() })])));
  const workers = Object.entries(handlers).map(([name, handler]) =>
    defineWorker(topics, { topic: name, subscription: name, handler: ({ data }, { db }) => handler((data as { id: number }).id, db) }),
  );
  await applySubscriptions(database.db, workers);
  const tidemark = createTidemark({ db: database.pool, topics, workers });
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
    async publish(subscription, from, to = from) {
      await database.pool.query(
        `select tidemark.publish_message($1, json_build_object('id', n)) from generate_series($2::integer, $3::integer) n`,
        [subscription, from, to],
      );
      running.wake();
    },
    async stop() {
      await running.stop();
      await tidemark.close();
    },
  };
}
