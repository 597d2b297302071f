/** Deliveries a second at a backlog of 20,000, beside a plain loop, graphile-worker and pg-boss that do the same. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from './support/environment.ts';
import { type Figure, rateFigure, reportedFigure, takeTurns, timed } from './support/figure.ts';
import {
  CONCURRENCY,
  type MessageQueue,
  startGraphileWorker,
  startPgBoss,
  startPlainLoop,
  startTidemark,
} from './support/message-queues.ts';

const BACKLOG = 20_000;
const ROUNDS = 3;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const queues: Record<string, MessageQueue> = {};
  try {
    for (const [name, start] of Object.entries({ startTidemark, startPlainLoop, startGraphileWorker, startPgBoss })) {
      queues[name] = await start(environment);
    }
    const turns = Object.fromEntries(
      Object.entries(queues).map(([name, queue]) => [
        name,
        async () => {
          const rate = await drain(queue);
          environment.say(`  ${name.slice(5)} ${rate.toFixed(0)}/s`);
          return rate;
        },
      ]),
    );
    const { startTidemark: ours, ...others } = await takeTurns({ rounds: ROUNDS, turns });
    const note = `${BACKLOG.toLocaleString('en-US')} messages committed at once, ${CONCURRENCY} at a time, each selects 100 entries, writes a file and compares and sets`;
    const beside = (name: string, what: string) => ({ name, unit: 'deliveries/s', note: `${note}; baseline: ${what}` });
    const measured = (baseline: string) => ({ value: ours as number, baseline: others[baseline] as number });
    return [
      rateFigure(beside('messages', 'graphile-worker with a local queue of 500, completions batched'), measured('startGraphileWorker'), 1),
      rateFigure(beside('messages-pg-boss', 'pg-boss, 8 workers, 50 jobs a fetch, ended together'), measured('startPgBoss'), 1),
      reportedFigure(
        beside('messages-plain-loop', 'a plain loop of `for update skip locked`, one transaction a message'),
        measured('startPlainLoop'),
      ),
    ];
  } finally {
    await Promise.all(Object.values(queues).map((queue) => queue.stop()));
  }
}

/** From the commit until the last one is done. @returns a second */
async function drain({ units, ask }: MessageQueue): Promise<number> {
  await units.database.owner.query('vacuum analyze');
  await units.database.owner.query('checkpoint');
  await ask(BACKLOG);
  const milliseconds = await timed(async () => {
    while ((await units.left()) > 0) {
      await delay(100);
    }
  });
  return BACKLOG / (milliseconds / 1_000);
}
