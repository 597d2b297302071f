/** SIGKILL of a worker in the middle of its work, with a second one up: until another has begun the work again. */
import { measureTakeover, type TakeoverShape } from '../test/support/takeover.ts';
import { measureBareTakeover } from './support/bare-takeover.ts';
import type { Environment } from './support/environment.ts';
import { type Figure, limitFigure, quantile } from './support/figure.ts';
import { createTakeoverFixture } from './support/takeover-fixture.ts';

const SHAPES: TakeoverShape[] = ['local', 'heartbeating', 'burst'];
const KILLS = 20;
/** Of bare workflows, each of which takes as long as a workflow task's timeout. */
const BARE_KILLS = 5;
const GOAL_SECONDS = 6;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const worst: number[] = [];
  const told: string[] = [];
  for (const shape of SHAPES) {
    const fixture = await createTakeoverFixture(environment);
    try {
      const { seconds } = await measureTakeover(fixture, shape, KILLS);
      const p95 = quantile(seconds, 0.95);
      worst.push(p95);
      told.push(`${shape} ${p95.toFixed(1)} s`);
      environment.say(`  ${shape}: ${seconds.map((one) => one.toFixed(1)).join(', ')} s`);
    } finally {
      await fixture.close();
    }
  }
  const bare = await measureBareTakeover(environment, BARE_KILLS);
  environment.say(`  bare: ${bare.map((one) => one.toFixed(1)).join(', ')} s`);
  const note = `p95 of ${KILLS} kills a shape: ${told.join(', ')}; baseline: a bare workflow with a local activity, the SDK's defaults, ${BARE_KILLS} kills`;
  return [limitFigure({ name: 'takeover', unit: 's', note }, { value: Math.max(...worst), baseline: quantile(bare, 0.95) }, GOAL_SECONDS)];
}
