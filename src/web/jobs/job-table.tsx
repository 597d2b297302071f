import type { Job } from '../api-types.ts';
import { formatDuration, shorten } from '../format.ts';
import { links } from '../router.ts';
import { StateChip } from '../state-chip.tsx';
import { Time } from '../time.tsx';
import { Progress } from './progress.tsx';

export function JobTable({ jobs }: { jobs: readonly Job[] }) {
  return (
    <div className="table-frame">
      <table>
        <caption className="visually-hidden">Jobs, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">State</th>
            <th scope="col">Progress</th>
            <th scope="col" className="wide">
              Enqueued by
            </th>
            <th scope="col" className="wide">
              Enqueued
            </th>
            <th scope="col" className="number wide">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.id}>
              <th scope="row" className="unit-id job-id">
                <a href={links.job(job.id)}>{job.id}</a>
                {job.error && job.state !== 'done' && (
                  <span className="unit-error">{shorten(`${job.error.code}: ${job.error.message}`, 120)}</span>
                )}
              </th>
              <td>
                <StateChip state={job.state} />
              </td>
              <td className="job-progress-cell">
                <Progress job={job} />
              </td>
              <td className="wide">{job.actor ?? <span className="muted">–</span>}</td>
              <td className="wide">
                <Time at={job.enqueuedAt} />
              </td>
              <td className="number time wide">{took(job)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** From being enqueued to the end. */
function took({ enqueuedAt, finishedAt }: Job): string {
  return finishedAt === undefined ? '–' : formatDuration(Math.max(0, Date.parse(finishedAt) - Date.parse(enqueuedAt)));
}
