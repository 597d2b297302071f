/** One line a schedule: its times, its last and next ones, and what a person can do about it. */
import type { Schedule } from '../api-types.ts';
import { formatDuration } from '../format.ts';
import { links } from '../router.ts';
import { StateChip } from '../state-chip.tsx';
import { Time } from '../time.tsx';
import { ScheduleActions } from './schedule-actions.tsx';

const SHOWN = 3;

export function ScheduleTable({ schedules, onDone }: { schedules: readonly Schedule[]; onDone: () => void }) {
  return (
    <div className="table-frame">
      <table>
        <caption className="visually-hidden">Schedules by name</caption>
        <thead>
          <tr>
            <th scope="col">Schedule</th>
            <th scope="col">Due</th>
            <th scope="col">Next</th>
            <th scope="col">Last</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {schedules.map((schedule) => (
            <tr key={schedule.name}>
              <th scope="row">
                {schedule.name} <Tags schedule={schedule} />
                {schedule.job && schedule.job !== schedule.name && (
                  <span className="schedule-more">
                    enqueues <a href={links.jobs({ name: schedule.job })}>{schedule.job}</a>
                  </span>
                )}
              </th>
              <td>
                <Due schedule={schedule} />
              </td>
              <td>
                <ol className="schedule-times">
                  {schedule.next.slice(0, SHOWN).map((at) => (
                    <li key={at}>
                      <Time at={at} />
                    </li>
                  ))}
                </ol>
              </td>
              <td>
                <ol className="schedule-times">
                  {schedule.firings.slice(0, SHOWN).map((firing) => (
                    <li key={firing.firing}>
                      <Time at={firing.dueAt} /> <Outcome firing={firing} />
                    </li>
                  ))}
                </ol>
              </td>
              <td>
                <ScheduleActions schedule={schedule} onDone={onDone} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Tags({ schedule: { paused, note, deployed, overlap } }: { schedule: Schedule }) {
  return (
    <>
      {!deployed && <span className="tag tag--warning">not in Temporal</span>}
      {paused && (
        <>
          <span className="tag tag--warning">paused</span>
          {note && <span className="schedule-more">{note}</span>}
        </>
      )}
      {overlap && overlap !== 'skip' && <span className="tag">{overlap === 'buffer' ? 'one after another' : 'side by side'}</span>}
    </>
  );
}

function Due({ schedule: { cron, timezone, everyMs } }: { schedule: Schedule }) {
  if (everyMs !== undefined) return <>every {formatDuration(everyMs)}</>;
  if (cron === undefined) return <span className="muted">–</span>;
  return (
    <>
      <code>{cron}</code>
      <span className="schedule-more">{timezone}</span>
    </>
  );
}

function Outcome({ firing: { answer, jobId, state } }: { firing: Schedule['firings'][number] }) {
  const word = answer === 'created' ? state ? <StateChip state={state} /> : 'ended' : <span className="muted">{answer}</span>;
  return jobId && state ? <a href={links.job(jobId)}>{word}</a> : word;
}
