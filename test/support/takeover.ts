/**
 * How long it takes until work that a killed worker was running is begun again by another: real processes, SIGKILL, one unit or a burst
 * of them in hand. For tests (a few kills) and for the bench (many).
 */
import type { Queryable } from '../../src/postgres/queryable.ts';
import type { StarterSettings, TidemarkFixture } from './tidemark-fixture.ts';
import { until } from './until.ts';
import type { WorkerProcess } from './worker-process.ts';

/** 'local': a short unit, a local activity. 'heartbeating': a long one. 'burst': a hundred units in one execution. */
export type TakeoverShape = 'local' | 'heartbeating' | 'burst';

export interface Takeover {
  shape: TakeoverShape;
  /** From the kill to the first unit begun again, by the database's clock, each in seconds. */
  seconds: number[];
}

/** What of a fixture it takes. */
export type TakeoverFixture = Pick<TidemarkFixture, 'ask' | 'openGate' | 'untilAll'> & {
  readonly database: { pool: Queryable };
  workerProcess(options: { starter: StarterSettings }): Promise<Pick<WorkerProcess, 'pid' | 'kill'>>;
};

const DEADLINE_MS = 60_000;

/** Two workers are up all the time; whichever has the work in hand is killed, and replaced. */
export async function measureTakeover(fixture: TakeoverFixture, shape: TakeoverShape, kills: number): Promise<Takeover> {
  const starter = shape === 'burst' ? { claim: { maxInFlight: 2, burstThreshold: 5, burstSize: 20 } } : {};
  const workers = await Promise.all([fixture.workerProcess({ starter }), fixture.workerProcess({ starter })]);
  const seconds: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const gate = `takeover-${shape}-${kill}`;
    const units = shape === 'burst' ? 20 : 1;
    const ids = await fixture.ask(
      Array.from({ length: units }, () => ({ gate, reports: shape === 'heartbeating' })),
      { workflow: shape === 'heartbeating' ? 'long-step' : 'step', prefix: `${shape}-${kill}` },
    );
    const names = ids.map((id) => id.slice(id.indexOf('/') + 1));
    const runsOf = async () => {
      const { rows } = await fixture.database.pool.query('select pid, at from public.run where unit = any ($1) order by number', [names]);
      return rows as { pid: number; at: Date }[];
    };
    const first = await until('a worker has the work in hand', async () => (await runsOf())[0], DEADLINE_MS);
    const victim = workers.findIndex((worker) => worker.pid === first.pid);
    // At some moment of the run, not always at its begin.
    await until('it has run for a while', async () => {
      const { rows } = await fixture.database.pool.query(
        `select clock_timestamp() - $1::timestamptz > $2::integer * interval '1 millisecond' as yes`,
        [first.at, 500 + ((kill * 370) % 2_000)],
      );
      return rows[0].yes;
    });
    const { rows: clock } = await fixture.database.pool.query('select clock_timestamp() as now');
    await workers[victim]?.kill();
    const again = await until('another has begun it again', async () => (await runsOf()).find(({ pid }) => pid !== first.pid), DEADLINE_MS);
    seconds.push((again.at.getTime() - clock[0].now.getTime()) / 1_000);
    await fixture.openGate(gate);
    const replacement = fixture.workerProcess({ starter });
    await fixture.untilAll(['done'], DEADLINE_MS);
    workers[victim] = await replacement;
  }
  await Promise.all(workers.map((worker) => worker.kill()));
  return { shape, seconds };
}
