/**
 * From the commit of a job to its work done: fifty jobs a second, against a bare workflow that does the same work; and one job at a time that does nothing,
 * beside graphile-worker and pg-boss.
 */
import type { Environment } from './support/environment.ts';
import { type Figure, quantile, reportedFigure, takeTurns } from './support/figure.ts';
import { startJobApp } from './support/job-app.ts';
import { type JobQueue, startGraphileWorker, startPgBoss, startTidemark } from './support/job-queues.ts';
import { measureHandling } from './support/measure-handling.ts';

const JOBS = 50;
const ROUNDS = 3;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const text = { name: 'jobs-latency', what: 'enqueued to done' };
  const besideWorkflow = await measureHandling(environment, text, async (database, carryOut) => {
    const app = await startJobApp(environment, database, { handler: carryOut });
    return {
      async ask(id) {
        await app.enqueue(id);
      },
      stop: () => app.stop(),
    };
  });
  return [...besideWorkflow, ...(await besidePeers(environment))];
}

async function besidePeers(environment: Environment): Promise<Figure[]> {
  const queues: JobQueue[] = [];
  const turns: Record<string, () => Promise<number>> = {};
  try {
    for (const [name, start] of Object.entries({ startTidemark, startGraphileWorker, startPgBoss })) {
      let onRun = () => {};
      const queue = await start(environment, () => onRun());
      queues.push(queue);
      turns[name] = async () => {
        const durations: number[] = [];
        for (let job = 0; job < JOBS; job += 1) {
          const ran = new Promise<number>((resolve) => {
            onRun = () => resolve(performance.now());
          });
          await queue.ask(1);
          const committedAt = performance.now();
          durations.push(Math.max((await ran) - committedAt, 0));
        }
        return quantile(durations, 0.5);
      };
    }
    const measured = await takeTurns({ rounds: ROUNDS, turns });
    const value = measured.startTidemark as number;
    const note = 'p50 of enqueued to begun, one job at a time that does nothing; baseline:';
    return [
      reportedFigure(
        { name: 'jobs-latency-graphile-worker', unit: 'ms', note: `${note} graphile-worker, which listens` },
        { value, baseline: measured.startGraphileWorker as number },
      ),
      reportedFigure(
        { name: 'jobs-latency-pg-boss', unit: 'ms', note: `${note} pg-boss, told by the process that enqueues` },
        { value, baseline: measured.startPgBoss as number },
      ),
    ];
  } finally {
    await Promise.all(queues.map((queue) => queue.stop()));
  }
}
