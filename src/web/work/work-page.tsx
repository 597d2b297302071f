/** The work: how much there is, how fast it goes, what runs, what has died and what to do about it. */
import './work.css';
import { useMemo } from 'react';
import { client, filled } from '../client.ts';
import { Empty, Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { usePolled } from '../use-polled.ts';
import { CHART_MINUTES, Charts } from './charts.tsx';
import { Dead } from './dead.tsx';
import { Groups } from './groups.tsx';
import { addSample, allSamples } from './samples.ts';
import { Sweep } from './sweep.tsx';
import { UnitTable } from './unit-table.tsx';
import { FILTERS, type Filters, Units } from './units.tsx';

const STATS_MS = 2_000;
const RUNNING_MS = 2_000;
const ERRORS_MS = 5_000;
const THROUGHPUT_MS = 10_000;
const RUNNING_SHOWN = 20;

export default function WorkPage({ query }: { query: URLSearchParams }) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ''])) as Filters;
  const { group } = filters;
  const stats = usePolled(
    async (signal) => {
      const answer = await client.work.stats({ signal });
      return { ...answer, samples: addSample(answer.groups) };
    },
    STATS_MS,
    'stats',
  );
  const throughput = usePolled(
    (signal) => client.work.throughput({ minutes: CHART_MINUTES, ...filled({ group }), signal }),
    THROUGHPUT_MS,
    group,
  );
  const running = usePolled(
    (signal) => client.work.list({ state: 'running', ...filled({ group }), limit: RUNNING_SHOWN, signal }),
    RUNNING_MS,
    `running ${group}`,
  );
  const errors = usePolled((signal) => client.work.errors({ ...filled({ group }), signal }), ERRORS_MS, `errors ${group}`);
  const linkWith = (change: Readonly<Record<string, string>>) => links.work({ ...filters, ...change });
  const all = useMemo(() => stats.data?.groups.map((one) => one.group) ?? [], [stats.data]);
  const reload = () => {
    for (const part of [stats, running, errors]) part.reload();
  };

  return (
    <div className="page page--wide">
      <h1>Work</h1>
      {stats.error && <Failure what="The work could not be counted." error={stats.error} retry={stats.reload} />}
      {stats.data ? (
        <>
          <Groups groups={stats.data.groups} chosen={group} linkWith={linkWith} />
          <Charts groups={group === '' ? all : [group]} throughput={throughput.data} samples={stats.data.samples ?? allSamples()} />
        </>
      ) : (
        !stats.error && <Loading what="the groups" />
      )}

      <section aria-labelledby="dead">
        <h2 id="dead">Dead, by error</h2>
        {errors.error && <Failure what="The dead units could not be grouped." error={errors.error} retry={errors.reload} />}
        {errors.data && <Dead errors={errors.data.errors} group={group} linkWith={linkWith} onDone={reload} />}
      </section>

      <section aria-labelledby="running">
        <h2 id="running">Running now</h2>
        {running.data && running.data.units.length > 0 ? (
          <UnitTable units={running.data.units} caption="Units that run now" />
        ) : (
          <Empty>Nothing runs at the moment.</Empty>
        )}
      </section>

      <section aria-labelledby="units">
        <h2 id="units">Units</h2>
        <Units filters={filters} groups={all} />
      </section>

      {stats.data && <Sweep counters={stats.data.sweep} />}
    </div>
  );
}
