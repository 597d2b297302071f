/** What is around a handler: notifications, experiments, wrappers of an application's own, spans, and payloads that are bytes. On Postgres, without Temporal. */
import { randomUUID } from 'node:crypto';
import { GrowthBook } from '@growthbook/growthbook';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { missingBlobStore } from '../../src/blob-store/missing-blob-store.ts';
import {
  applySubscriptions,
  binary,
  createTidemark,
  defineTopics,
  defineWorker,
  type ExperimentWorker,
  type MessageContext,
  messageToJson,
  type Notification,
  type NotificationHandlerReturn,
  notificationWorkerToWorker,
  triggerTypedEvent,
  typedWorkers,
  type Worker,
  type WorkerDefinition,
  workerToExperimentWorker,
} from '../../src/index.ts';
import { protobuf } from '../../src/protobuf.ts';
import { unitHandlers } from '../../src/registry.ts';
import { expectWork, runUntilIdle } from '../../src/testing.ts';
import type { Unit } from '../../src/work/unit.ts';
import { CandidateSchema } from '../support/candidate_pb.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const topics = defineTopics({
  upvoted: z.object({ postId: z.string() }),
  noticed: z.object({ postId: z.string() }),
  'candidate.v1': protobuf(CandidateSchema),
  raw: binary(),
  'raw.many': z.unknown(),
});
type Upvoted = { postId: string };

/** What the upvote's handlers do in this test, by subscription; by default nothing. */
const behaviour: Record<string, (context: MessageContext) => unknown> = {};
const seen: { subscription: string; data: unknown }[] = [];
const retry = { initialMs: 0 };

const notify = notificationWorkerToWorker(
  {
    topic: 'upvoted',
    subscription: 'notify',
    retry,
    async handler({ data: { postId } }: { data: Upvoted }, messageContext): Promise<NotificationHandlerReturn> {
      await behaviour.notify?.(messageContext);
      return postId === 'nobody' ? undefined : ['author', 'watcher'].map((to) => ({ type: 'upvoted', ctx: { postId, to } }));
    },
  },
  { table: 'public.notification' },
);

/** As an application has it: features from its own configuration, exposures sent somewhere. */
interface Experiments {
  growthbook: GrowthBook;
  sends: Promise<void>[];
}
const exposures: string[] = [];
let exposureStore: (exposure: string) => Promise<void> = async (exposure) => void exposures.push(exposure);
const experiments = {
  createClient({ data }: { data: Upvoted }): Experiments {
    const sends: Promise<void>[] = [];
    const growthbook = new GrowthBook({
      attributes: { id: data.postId },
      features: {
        ranking: {
          defaultValue: 'old',
          rules: [{ key: 'ranking-test', variations: ['old', 'new'], weights: [0, 1], hashAttribute: 'id' }],
        },
      },
      trackingCallback: ({ key }, { variationId }) => void sends.push(exposureStore(`${data.postId}: ${key}=${variationId}`)),
    });
    return { growthbook, sends };
  },
  async flush({ growthbook, sends }: Experiments) {
    await Promise.all(sends);
    growthbook.destroy();
  },
};
const rank: ExperimentWorker<Upvoted, Experiments> = {
  topic: 'upvoted',
  subscription: 'rank',
  retry,
  async handler({ data }, { experiments: { growthbook }, ...rest }) {
    seen.push({ subscription: 'rank', data: { ...data, ranking: growthbook.getFeatureValue('ranking', 'none') } });
    await behaviour.rank?.(rest);
  },
};

/** A wrapper of an application's own. */
function logged<DataT, NameT extends string>(worker: WorkerDefinition<DataT, NameT>, lines: string[]): WorkerDefinition<DataT, NameT> {
  return {
    ...worker,
    async handler(message, messageContext) {
      lines.push(`begin ${worker.subscription}`);
      await worker.handler(message, messageContext);
      lines.push(`end ${worker.subscription}`);
    },
  };
}
const lines: string[] = [];
/** All three around one handler: what it returns are notifications, and it has the experiments. */
const digest = logged(
  notificationWorkerToWorker<Upvoted, 'upvoted', Notification>(
    workerToExperimentWorker(
      {
        topic: 'upvoted',
        subscription: 'digest',
        handler: async ({ data }: { data: Upvoted }, { experiments: { growthbook } }: { experiments: Experiments }) => [
          { type: 'digest', ctx: { postId: data.postId, ranking: growthbook.getFeatureValue('ranking', 'none') } },
        ],
      },
      experiments,
    ),
    async (notifications, { db }) => {
      for (const { notification, uniqueKey } of notifications) {
        await db.query('insert into public.notification (unique_key, type, ctx) values ($1, $2, $3)', [
          uniqueKey,
          notification.type,
          JSON.stringify(notification.ctx),
        ]);
      }
    },
  ),
  lines,
);
const noticed = defineWorker(topics, {
  topic: 'noticed',
  subscription: 'noticed',
  handler: ({ data }) => void seen.push({ subscription: 'noticed', data }),
});
const candidates = defineWorker(topics, {
  topic: 'candidate.v1',
  subscription: 'candidates',
  handler: ({ data }) => void seen.push({ subscription: 'candidates', data: data.skills.map(({ name }) => name) }),
});
const raw = defineWorker(topics, {
  topic: 'raw',
  subscription: 'raw',
  parseMessage: messageToJson<{ a: number }>,
  handler: ({ data }) => void seen.push({ subscription: 'raw', data }),
});
const many = defineWorker(topics, {
  topic: 'raw.many',
  subscription: 'many',
  batch: { max: 10, waitMs: 0 },
  handler: (messages) => void seen.push({ subscription: 'many', data: messages.length }),
});
const workers: readonly Worker[] = typedWorkers(topics, [
  [notify, workerToExperimentWorker(rank, experiments), digest],
  [noticed, candidates, raw, many],
]);

let database: TestDatabase;
let tidemark: ReturnType<typeof create>;
const create = () => createTidemark({ db: database.pool, topics, workers });
const exporter = new InMemorySpanExporter();

beforeAll(async () => {
  database = await createTestDatabase();
  await database.ownerPool.query(
    'create table public.notification (unique_key text primary key, type text not null, ctx jsonb); grant all on public.notification to public',
  );
  tidemark = create();
  await applySubscriptions(database.db, workers);
});
beforeEach(async () => {
  seen.length = 0;
  lines.length = 0;
  exposures.length = 0;
  for (const name of Object.keys(behaviour)) delete behaviour[name];
  await database.ownerPool.query('truncate public.notification; delete from tidemark.work; delete from tidemark.message');
});
afterAll(async () => {
  await tidemark?.close();
  await database?.drop();
});

const upvote = () => tidemark.publish('upvoted', { postId: randomUUID() });
const stored = async (type: string) =>
  (await database.pool.query('select unique_key, ctx from public.notification where type = $1 order by unique_key', [type])).rows;

describe('notifications', () => {
  test('are stored with the end of the delivery, once however often it is tried', async () => {
    behaviour.notify = ({ attempt }) => {
      if (attempt === 1) throw new Error('no connection');
    };
    const { messageId } = await upvote();
    await runUntilIdle(tidemark);
    await runUntilIdle(tidemark);
    expect(await stored('upvoted')).toEqual([
      { unique_key: `delivery/notify/${messageId}/0`, ctx: { postId: expect.any(String), to: 'author' } },
      { unique_key: `delivery/notify/${messageId}/1`, ctx: { postId: expect.any(String), to: 'watcher' } },
    ]);
    await expectWork(tidemark, { id: `delivery/notify/${messageId}`, state: 'done' });
  });

  test('of a message that has left them already are not stored again', async () => {
    const { messageId } = await upvote();
    await database.pool.query(
      `insert into public.notification values ('delivery/notify/${messageId}/0', 'upvoted', '{"postId": "earlier"}')`,
    );
    await runUntilIdle(tidemark);
    expect((await stored('upvoted')).map(({ ctx }) => ctx.to ?? ctx.postId)).toEqual(['earlier', 'watcher']);
  });

  test('are none where the handler returns nothing', async () => {
    await tidemark.publish('upvoted', { postId: 'nobody' });
    await runUntilIdle(tidemark);
    expect(await stored('upvoted')).toEqual([]);
  });

  test('need a table whose name needs no quotes', () => {
    const worker = { topic: 'upvoted', subscription: 'x', handler: async () => undefined };
    expect(() => notificationWorkerToWorker(worker, { table: 'a"; drop table b' })).toThrow("is no table's name");
  });
});

describe('experiments', () => {
  test('are asked by the handler, and what they report is sent before the delivery ends', async () => {
    const { messageId } = await upvote();
    let isSent = false;
    exposureStore = async (exposure) => {
      await new Promise(setImmediate);
      isSent ||= exposure.endsWith('ranking-test=1');
      await expectWork(tidemark, { id: `delivery/rank/${messageId}`, state: 'started' });
      exposures.push(exposure);
    };
    await runUntilIdle(tidemark);
    exposureStore = async (exposure) => void exposures.push(exposure);
    expect(seen).toEqual([{ subscription: 'rank', data: { postId: expect.any(String), ranking: 'new' } }]);
    expect(isSent).toBe(true);
  });

  test('report what a failed attempt has seen too, and its own error stays that of the attempt', async () => {
    behaviour.rank = ({ attempt }) => {
      if (attempt === 1) throw new Error('ranking is down');
    };
    const { messageId } = await upvote();
    await runUntilIdle(tidemark);
    expect(exposures.filter((exposure) => exposure.includes('ranking-test'))).toHaveLength(3); // twice here, once in the digest
    await expectWork(tidemark, { id: `delivery/rank/${messageId}`, state: 'done' });
  });

  test('whose report cannot be sent fail the attempt, so it is tried again', async () => {
    let failures = 1;
    const worker = workerToExperimentWorker(rank, {
      ...experiments,
      flush: async () => {
        if (failures-- > 0) throw new Error('no route to experiments');
      },
    });
    const { data } = { data: { postId: 'p' } };
    const messageContext = { logger: { warn: () => {} } } as unknown as MessageContext;
    await expect(Promise.resolve(worker.handler({ data } as never, messageContext))).rejects.toThrow('no route to experiments');
    await expect(Promise.resolve(worker.handler({ data } as never, messageContext))).resolves.toBeUndefined();
  });
});

test('wrappers compose, an own one around the others: notifications of a handler with experiments', async () => {
  await upvote();
  await runUntilIdle(tidemark);
  expect(await stored('digest')).toMatchObject([{ ctx: { ranking: 'new' } }]);
  expect(lines).toEqual(['begin digest', 'end digest']);
});

describe('payloads that are bytes', () => {
  test('reach their workers as their topic, or the worker itself, reads them', async () => {
    await tidemark.publish('candidate.v1', { userId: 'u1', skills: [{ name: 'sql' }, { name: 'go' }] });
    await tidemark.publish('raw', Buffer.from('{"a": 1}'));
    await runUntilIdle(tidemark);
    expect(seen).toEqual([
      { subscription: 'candidates', data: ['sql', 'go'] },
      { subscription: 'raw', data: { a: 1 } },
    ]);
  });

  test('that cannot be read are dead at once, and kept as they were published', async () => {
    const { messageId } = await tidemark.publish('raw', Uint8Array.of(1, 2, 0, 255));
    await runUntilIdle(tidemark);
    const [unit] = await expectWork(tidemark, { id: `delivery/raw/${messageId}`, state: 'dead' });
    expect(unit).toMatchObject({ attempt: 1, error: { message: expect.stringContaining("'raw' cannot read a message") } });
    const { rows } = await database.pool.query('select bytes from tidemark.message where id = $1', [messageId]);
    expect([...rows[0].bytes]).toEqual([1, 2, 0, 255]);
  });

  test('of another type than the topic are refused, and the transaction goes on', async () => {
    await tidemark.transaction(async ({ publish }) => {
      await expect(publish('candidate.v1', { score: 1.5 } as never)).rejects.toThrow('score is number');
      await publish('noticed', { postId: 'p' });
    });
    await runUntilIdle(tidemark);
    expect(seen).toEqual([{ subscription: 'noticed', data: { postId: 'p' } }]);
  });
});

describe('triggerTypedEvent', () => {
  test("publishes in a transaction of Tidemark's, in one that it has joined, and in a handler's", async () => {
    behaviour.rank = ({ db }) => triggerTypedEvent(db, 'noticed', { postId: 'from a handler' });
    await tidemark.transaction(({ tx }) => triggerTypedEvent(tx, 'upvoted', { postId: 'p' }));
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      const joined = tidemark.in(client);
      await triggerTypedEvent(client, 'noticed', { postId: 'joined' });
      await triggerTypedEvent(joined, 'noticed', { postId: 'by its name' });
      await client.query('commit');
      await client.query('begin');
      await triggerTypedEvent(tidemark.in(client), 'noticed', { postId: 'rolled back' });
      await client.query('rollback');
    } finally {
      client.release();
    }
    await runUntilIdle(tidemark);
    const notices = seen.flatMap(({ subscription, data }) => (subscription === 'noticed' ? [(data as Upvoted).postId] : []));
    expect(notices.sort()).toEqual(['by its name', 'from a handler', 'joined']);
  });
});

describe('tracing', () => {
  const spans = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name);

  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  });
  afterEach(() => exporter.reset());
  afterAll(() => {
    trace.disable();
    context.disable();
  });

  test('leads from the publisher to the handler, and on to what that publishes: one trace', async () => {
    behaviour.rank = ({ publish }) => publish('noticed', { postId: 'p' });
    const { messageId } = await trace.getTracer('test').startActiveSpan('request', async (request) => {
      const published = await upvote();
      request.end();
      return published;
    });
    await runUntilIdle(tidemark);
    const [request] = spans('request');
    const [published] = spans('publish upvoted');
    const rankSpan = spans('process upvoted').find((span) => span.attributes['messaging.destination.subscription.name'] === 'rank');
    const [noticing] = spans('publish noticed');
    const [handled] = spans('process noticed');
    const all = [request, published, rankSpan, noticing, handled];
    expect(new Set(all.map((span) => span?.spanContext().traceId)).size).toBe(1);
    expect(all.slice(1).map((span) => span?.parentSpanContext?.spanId)).toEqual(all.slice(0, -1).map((span) => span?.spanContext().spanId));
    expect(published?.attributes).toEqual({
      'messaging.system': 'tidemark',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'upvoted',
      'messaging.message.id': messageId,
      'tidemark.is_duplicate': false,
    });
    expect(rankSpan?.attributes).toEqual({
      'messaging.system': 'tidemark',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'upvoted',
      'messaging.destination.subscription.name': 'rank',
      'messaging.message.id': messageId,
      'tidemark.attempt': 1,
    });
  });

  test('shows each attempt, with the error of one that failed', async () => {
    behaviour.rank = ({ attempt }) => {
      if (attempt === 1) throw new TypeError('ranking is down');
    };
    await upvote();
    await runUntilIdle(tidemark);
    const attempts = spans('process upvoted').filter((span) => span.attributes['messaging.destination.subscription.name'] === 'rank');
    expect(attempts.map((span) => [span.attributes['tidemark.attempt'], span.status.code, span.attributes['error.type']])).toEqual([
      [1, SpanStatusCode.ERROR, 'TypeError'],
      [2, SpanStatusCode.UNSET, undefined],
    ]);
  });

  test('links the span of a batch to whoever published its messages', async () => {
    const units: Unit[] = [];
    for (const note of ['a', 'b']) {
      const { messageId } = await tidemark.publish('raw.many', note);
      units.push({ id: `delivery/many/${messageId}`, group: 'many', attempt: 1 } as Unit);
    }
    // As a worker runs it when a batch has come together; a run in this process takes one message at a time.
    const handlers = unitHandlers(tidemark.registry, { pool: database.pool, schema: 'tidemark', blobs: missingBlobStore });
    const handler = handlers.find(({ group }) => group === 'many');
    await handler?.batch?.run(units, { db: database.pool, signal: new AbortController().signal, extend: async () => {} } as never);
    expect(seen).toEqual([{ subscription: 'many', data: 2 }]);
    const [batch] = spans('process raw.many');
    expect(batch?.attributes).toMatchObject({ 'messaging.batch.message_count': 2, 'messaging.destination.subscription.name': 'many' });
    expect(batch?.links.map((link) => link.context.spanId)).toEqual(spans('publish raw.many').map((span) => span.spanContext().spanId));
    await runUntilIdle(tidemark);
  });

  test('ends the span of an attempt that is over, though its handler goes on', async () => {
    behaviour.rank = ({ attempt }) => (attempt === 1 ? new Promise(() => {}) : undefined);
    await upvote();
    await expect(runUntilIdle(tidemark, { timeoutMs: 300 })).rejects.toThrow('was still running');
    const [attempt] = spans('process upvoted').filter((span) => span.attributes['messaging.destination.subscription.name'] === 'rank');
    expect(attempt?.status.code).toBe(SpanStatusCode.ERROR);
    await runUntilIdle(tidemark);
  });

  test('begins nothing where nobody traces, and hands on what others have begun', async () => {
    trace.disable();
    behaviour.rank = ({ publish }) => publish('noticed', { postId: 'p' });
    const { messageId } = await upvote();
    const traceparents = async () =>
      (await database.pool.query('select topic, trace from tidemark.message order by id')).rows.map((row) => [row.topic, row.trace]);
    expect(await traceparents()).toEqual([['upvoted', null]]);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await database.ownerPool.query('update tidemark.message set trace = $2 where id = $1', [messageId, traceparent]);
    await runUntilIdle(tidemark);
    expect(await traceparents()).toEqual([
      ['upvoted', traceparent],
      ['noticed', traceparent],
    ]);
  });
});
