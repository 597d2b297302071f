/** From commit to handled for a subscription beside another that has 20,000 messages waiting, against the same subscription alone. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchDatabase, Environment } from './support/environment.ts';
import { type Figure, quantile, reportedFigure } from './support/figure.ts';
import { type MessageApp, startMessageApp } from './support/message-app.ts';

const BACKLOG = 20_000;
const PER_SECOND = 10;
const MESSAGES = 60;
/** So that the backlog lasts as long as the figure; it waits, and takes no processor. */
const HANDLER_MS = 20;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database();
  const handled = new Map<number, (at: number) => void>();
  const app = await startMessageApp(environment, database, {
    deep: () => delay(HANDLER_MS),
    shallow: (id) => handled.get(id)?.(performance.now()),
  });
  try {
    await latencies(app, handled, 0, 20);
    const alone = await latencies(app, handled, 1_000, MESSAGES);
    await app.publish('deep', 1, BACKLOG);
    await delay(1_000);
    const beside = await latencies(app, handled, 2_000, MESSAGES);
    const left = await waiting(database);
    if (left === 0) {
      throw new Error('The backlog was gone before the figure was: its handler is too short.');
    }
    const note = `p50 from commit to handled, ${PER_SECOND} a second, beside a subscription with ${BACKLOG.toLocaleString('en-US')} messages of ${HANDLER_MS} ms (${left} were left); baseline: alone`;
    return [
      reportedFigure({ name: 'messages-neighbour', unit: 'ms', note }, { value: quantile(beside, 0.5), baseline: quantile(alone, 0.5) }),
      reportedFigure(
        { name: 'messages-neighbour-p99', unit: 'ms', note: note.replace('p50', 'p99') },
        { value: quantile(beside, 0.99), baseline: quantile(alone, 0.99) },
      ),
    ];
  } finally {
    await app.stop();
  }
}

async function latencies(app: MessageApp, handled: Map<number, (at: number) => void>, first: number, count: number): Promise<number[]> {
  const start = performance.now();
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await delay(start + (index * 1_000) / PER_SECOND - performance.now());
      const done = new Promise<number>((resolve) => handled.set(first + index, resolve));
      await app.publish('shallow', first + index);
      const committedAt = performance.now();
      return Math.max((await done) - committedAt, 0);
    }),
  );
}

async function waiting({ owner }: BenchDatabase): Promise<number> {
  const { rows } = await owner.query(`select count(*) as left from tidemark.work where group_name = 'deep' and state = 'ready'`);
  return Number(rows[0].left);
}
