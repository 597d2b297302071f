import { percentOf } from '../../percent.ts';
import type { Job } from '../api-types.ts';
import { formatCount } from '../format.ts';

/** How far a job is, as its handler says it: a bar that moves, and words beside it. */
export function Progress({ job: { id, state, progress } }: { job: Pick<Job, 'id' | 'state' | 'progress'> }) {
  const { fraction, message, counts = {} } = progress ?? {};
  const share = state === 'done' ? 1 : fraction;
  const numbers = Object.entries(counts).map(([name, count]) => `${name} ${formatCount(count)}`);
  if (share === undefined && message === undefined && numbers.length === 0) return <span className="muted">–</span>;
  return (
    <span className="job-progress">
      {share !== undefined && (
        <span className="job-bar">
          <progress className={`job-bar--${state}`} value={share} max={1} aria-label={`Progress of ${id}`} />
          <span className="job-percent">{percentOf(share)} %</span>
        </span>
      )}
      {(message !== undefined || numbers.length > 0) && (
        <span className="muted job-news">{[message, numbers.join(', ')].filter(Boolean).join(' · ')}</span>
      )}
    </span>
  );
}
