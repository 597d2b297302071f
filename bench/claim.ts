/** Claiming a hundred units of three million rows, a million of which are not claimable yet and a million finished. */
import { claimWork } from '../src/work/claim.ts';
import { DEFAULT_CLAIM_OPTIONS } from '../src/work/loop.ts';
import type { BenchDatabase, Environment } from './support/environment.ts';
import { alternate, type Figure, limitFigure, reportedFigure, timed } from './support/figure.ts';

const ROWS = 3_000_000;
const CLAIMED = 100;
const GROUPS = 10;
const ROUNDS = 61;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database({ connections: 2 });
  environment.say(`  filling ${ROWS.toLocaleString('en-US')} rows`);
  await fill(database);
  const alone = await alternate({
    rounds: ROUNDS,
    value: claiming(database, { ...DEFAULT_CLAIM_OPTIONS, maxInFlight: CLAIMED, maxOnTheirWay: CLAIMED, burstSize: 0 }),
    baseline: () => plainClaim(database),
  });
  const bursts = await alternate({
    rounds: ROUNDS,
    value: claiming(database, { ...DEFAULT_CLAIM_OPTIONS, burstSize: CLAIMED, maxBursts: 1 }),
    baseline: () => plainClaim(database),
  });
  const baseline = 'baseline: a plain `for update skip locked` of a hundred of one group';
  const note = `p50 of a claim of ${CLAIMED} of ${ROWS.toLocaleString('en-US')} rows in ${GROUPS} groups, a million not claimable yet, a million finished; ${baseline}`;
  return [
    limitFigure({ name: 'claim', unit: 'ms', note: `${note}; units that run alone` }, alone, 5),
    reportedFigure({ name: 'claim-burst', unit: 'ms', note: `${note}; one burst` }, bursts),
  ];
}

/** One third ready, one third ready but not before some later day, one third done; three priorities. */
async function fill({ owner }: BenchDatabase): Promise<void> {
  await owner.query(`insert into tidemark.work_group (name) select 'g' || number from generate_series(0, $1::integer - 1) number`, [
    GROUPS,
  ]);
  const { rows: indexes } = await owner.query(
    `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
     from pg_index i where i.indrelid = 'tidemark.work'::regclass and not i.indisprimary`,
  );
  for (const { name } of indexes) {
    await owner.query(`drop index ${name}`);
  }
  await owner.query(
    `insert into tidemark.work (id, workflow, state, group_name, priority, not_before, finished_at, epoch, first_epoch)
     select 'snapshot/log/' || number, 'snapshot', case when number % 3 = 2 then 'done' else 'ready' end,
       'g' || number / 3 % $2::integer, number / 3 / $2::integer % 3,
       case when number % 3 = 0 then now() + interval '1 day' * (number % 100 + 1) else now() - interval '1 hour' + number * interval '1 ms' end,
       case when number % 3 = 2 then now() end, number, number
     from generate_series(1, $1::integer) number`,
    [ROWS, GROUPS],
  );
  for (const { definition } of indexes) {
    await owner.query(definition);
  }
  await owner.query('vacuum analyze tidemark.work');
  await owner.query('checkpoint');
}

function claiming(database: BenchDatabase, options: typeof DEFAULT_CLAIM_OPTIONS): () => Promise<number> {
  return async () => {
    let claimed = 0;
    const duration = await timed(async () => {
      const claim = await claimWork(database.db, options);
      claimed = claim.units;
    });
    if (claimed !== CLAIMED) {
      throw new Error(`${claimed} units were claimed instead of ${CLAIMED}.`);
    }
    await settle(database);
    return duration;
  };
}

async function plainClaim(database: BenchDatabase): Promise<number> {
  const duration = await timed(() =>
    database.pool.query(
      `update tidemark.work set state = 'claimed', claim_token = gen_random_uuid(), lease_until = now() + interval '4 seconds'
       where id in (
         select id from tidemark.work where state = 'ready' and group_name = 'g0' and not_before <= now()
         order by priority, not_before, id limit $1::integer for update skip locked)
       returning *`,
      [CLAIMED],
    ),
  );
  await settle(database);
  return duration;
}

/** What was claimed is done, so that the next claim finds nothing running. */
async function settle({ owner }: BenchDatabase): Promise<void> {
  await owner.query(`update tidemark.work set state = 'started', lease_until = null where state = 'claimed'`);
  await owner.query(`update tidemark.work set state = 'done', burst_id = null, finished_at = now() where state = 'started'`);
}
