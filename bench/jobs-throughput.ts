/** Jobs a second that do nothing, at a backlog of 5,000, beside graphile-worker and pg-boss, and BullMQ where there is a Redis. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from './support/environment.ts';
import { type Figure, reportedFigure, takeTurns, timed } from './support/figure.ts';
import { CONCURRENCY, type JobQueue, startBullMq, startGraphileWorker, startPgBoss, startTidemark } from './support/job-queues.ts';

const BACKLOG = 5_000;
const ROUNDS = 3;

const BASELINES = {
  'graphile-worker': 'graphile-worker with a local queue of 500, completions batched',
  'pg-boss': 'pg-boss, 8 workers, 500 jobs a fetch, ended together',
  bullmq: 'BullMQ on Redis',
};

export default async function measure(environment: Environment): Promise<Figure[]> {
  const queues = new Map<string, JobQueue>();
  try {
    const starts = { tidemark: startTidemark, 'graphile-worker': startGraphileWorker, 'pg-boss': startPgBoss, bullmq: startBullMq };
    for (const [name, start] of Object.entries(starts)) {
      const queue = await start(environment);
      if (queue) queues.set(name, queue);
    }
    const turns = Object.fromEntries(
      [...queues].map(([name, queue]) => [
        name,
        async () => {
          const rate = await drain(queue);
          environment.say(`  ${name} ${rate.toFixed(0)}/s`);
          return rate;
        },
      ]),
    );
    const rates = await takeTurns({ rounds: ROUNDS, turns });
    return Object.entries(BASELINES).flatMap(([name, what]) => {
      const baseline = rates[name];
      if (baseline === undefined) return [];
      const note = `${BACKLOG.toLocaleString('en-US')} jobs committed at once that do nothing, ${CONCURRENCY} at a time; baseline: ${what}`;
      return [reportedFigure({ name: `jobs-throughput-${name}`, unit: 'jobs/s', note }, { value: rates.tidemark as number, baseline })];
    });
  } finally {
    await Promise.all([...queues.values()].map((queue) => queue.stop()));
  }
}

/** From the commit until the last one has ended. @returns a second */
async function drain({ ask, left }: JobQueue): Promise<number> {
  await ask(BACKLOG);
  const milliseconds = await timed(async () => {
    while ((await left()) > 0) {
      await delay(50);
    }
  });
  return BACKLOG / (milliseconds / 1_000);
}
