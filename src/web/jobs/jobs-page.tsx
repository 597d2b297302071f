/** Jobs, newest first: how far each is, and which have failed. The first page is kept fresh; those after it stand still. */
import '../work/work.css';
import './jobs.css';
import { useRef, useState } from 'react';
import { type Job, WORK_STATES } from '../api-types.ts';
import { client, filled } from '../client.ts';
import { Choice, Typed } from '../filters.tsx';
import { Empty, Failure, Loading } from '../notice.tsx';
import { goInPlace, links } from '../router.ts';
import { useHasSchedules } from '../session-context.ts';
import { usePolled } from '../use-polled.ts';
import { JobTable } from './job-table.tsx';
import { behind, mergeJobs } from './listed-jobs.ts';

const EVERY_MS = 3_000;
/** While something on it moves. */
const MOVING_MS = 1_000;
const PAGE = 50;

const FILTERS = ['state', 'name', 'actor'] as const;
type Filters = Record<(typeof FILTERS)[number], string>;
/** The state is one of a list, or a person's own doing in the address: the server says so. */
type JobsQuery = Parameters<typeof client.jobs.list>[0];

export default function JobsPage({ query }: { query: URLSearchParams }) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ''])) as Filters;
  const hasSchedules = useHasSchedules();
  const key = JSON.stringify(filters);
  const [moves, setMoves] = useState(false);
  const [further, setFurther] = useState<{ key: string; jobs: Job[]; next?: string | undefined }>();
  const list = useRef<{ key: string; jobs: readonly Job[] }>({ key, jobs: [] });
  const shown = () => (list.current.key === key ? list.current.jobs : []);
  const { data, error, reload } = usePolled(
    async (signal) => {
      const page = await client.jobs.list({ ...filled(filters), limit: PAGE, signal } as JobsQuery);
      setMoves(page.jobs.some(({ state }) => state === 'running'));
      setFurther((then) => (then?.key === key ? { ...then, jobs: behind(page, shown()) } : then));
      return page;
    },
    moves ? MOVING_MS : EVERY_MS,
    key,
  );
  const [problem, setProblem] = useState<Error>();
  const after = further?.key === key ? further : undefined;
  const next = after ? after.next : data?.next;
  const set = (change: Partial<Filters>) => goInPlace(links.jobs({ ...filters, ...change }));

  const more = async () => {
    const before = shown();
    try {
      const page = await client.jobs.list({ ...filled(filters), limit: PAGE, ...(next ? { before: next } : {}) } as JobsQuery);
      // Meanwhile the first page may have lost some of those that it had.
      setFurther({ key, jobs: mergeJobs(shown(), before, page.jobs), next: page.next });
      setProblem(undefined);
    } catch (failure) {
      setProblem(failure as Error);
    }
  };

  const jobs = data === undefined ? [] : mergeJobs(data.jobs, behind(data, after?.jobs ?? []));
  list.current = { key, jobs };
  const isFiltered = Object.values(filters).some((value) => value !== '');
  return (
    <div className="page page--wide">
      <h1>Jobs</h1>
      {hasSchedules && (
        <p>
          What the clock enqueues, and when: <a href={links.schedules}>schedules</a>.
        </p>
      )}
      <fieldset className="filters">
        <legend className="visually-hidden">Which jobs</legend>
        <Choice label="State" value={filters.state} values={WORK_STATES} onChange={(state) => set({ state })} />
        <Typed label="Name" value={filters.name} onChange={(name) => set({ name })} />
        <Typed label="Enqueued by" value={filters.actor} onChange={(actor) => set({ actor })} />
      </fieldset>
      {error && <Failure what="The jobs could not be listed." error={error} retry={reload} />}
      {data === undefined && !error && <Loading what="jobs" />}
      {data && jobs.length === 0 && <Empty>{isFiltered ? 'No job is like that.' : 'No job has been enqueued yet.'}</Empty>}
      {jobs.length > 0 && <JobTable jobs={jobs} />}
      {problem && <Failure what="The next page could not be read." error={problem} />}
      {next !== undefined && (
        <button type="button" className="button" onClick={more}>
          More jobs
        </button>
      )}
    </div>
  );
}
