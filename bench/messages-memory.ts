/** The memory of a worker after a million deliveries, beside that after the first 100,000: what grows with the number of messages would show. */
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Environment } from './support/environment.ts';
import { durationFigure, type Figure } from './support/figure.ts';
import { startMessageApp } from './support/message-app.ts';

const STEP = 100_000;
const STEPS = 10;

export default async function measure(environment: Environment): Promise<Figure[]> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const database = await environment.database();
  let handled = 0;
  const app = await startMessageApp(environment, database, {
    counted: () => {
      handled += 1;
    },
  });
  const sizes: number[] = [];
  try {
    for (let step = 0; step < STEPS; step += 1) {
      await app.publish('counted', step * STEP + 1, (step + 1) * STEP);
      while (handled < (step + 1) * STEP) {
        await delay(50);
      }
      collect();
      sizes.push(process.memoryUsage().heapUsed / (1024 * 1024));
      environment.say(`  ${handled} handled, ${sizes.at(-1)?.toFixed(1)} MB`);
    }
  } finally {
    await app.stop();
  }
  const note = `heap in use after ${(STEP * STEPS).toLocaleString('en-US')} deliveries, collected; baseline: after ${STEP.toLocaleString('en-US')}`;
  const measured = { value: sizes.at(-1) as number, baseline: sizes[0] as number };
  return [durationFigure({ name: 'messages-memory', unit: 'MB', note }, measured, 1.2, 5)];
}
