/** Schedules: when each enqueues its job next, what its last times became, paused, resumed and triggered. */
import '../work/work.css';
import './schedules.css';
import { client } from '../client.ts';
import { Empty, Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { usePolled } from '../use-polled.ts';
import { ScheduleTable } from './schedule-table.tsx';

const EVERY_MS = 5_000;

export default function SchedulesPage() {
  const { data, error, reload } = usePolled((signal) => client.schedules.list({ signal }), EVERY_MS, 'schedules');
  return (
    <div className="page page--wide">
      <h1>Schedules</h1>
      <p>
        What the clock enqueues. The jobs themselves are among the <a href={links.jobs()}>jobs</a>.
      </p>
      {error && <Failure what="The schedules could not be listed." error={error} retry={reload} />}
      {data === undefined && !error && <Loading what="schedules" />}
      {data && data.schedules.length === 0 && <Empty>There are no schedules: an app defines them, and its worker applies them.</Empty>}
      {data && data.schedules.length > 0 && <ScheduleTable schedules={data.schedules} onDone={reload} />}
    </div>
  );
}
