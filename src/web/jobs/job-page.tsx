/** One job: how far it is, what it has said and returned, and what a person can do about it. */
import '../work/work.css';
import './jobs.css';
import { useRef, useState } from 'react';
import type { JobDetails } from '../api-types.ts';
import { client } from '../client.ts';
import { CodeBlock } from '../code-block.tsx';
import { Cause, Execution, Figure, Json } from '../details.tsx';
import { formatCount, formatDuration } from '../format.ts';
import { Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { StateChip } from '../state-chip.tsx';
import { Time } from '../time.tsx';
import { usePolled } from '../use-polled.ts';
import { Attempts } from './attempts.tsx';
import { JobActions } from './job-actions.tsx';
import { Lines } from './lines.tsx';
import { type LookedAt, newestOfJob } from './newest-of-job.ts';
import { Progress } from './progress.tsx';
import { useFollowedJob } from './use-followed-job.ts';

const EVERY_MS = 2_000;
/** Of one that has ended: somebody may redrive it. */
const ENDED_EVERY_MS = 5_000;

export default function JobPage({ jobId }: { jobId: string }) {
  const [decisions, setDecisions] = useState(0);
  const [last, setLast] = useState<LookedAt>();
  const known = last?.job.id === jobId ? last : undefined;
  // Its stream has ended with it: redriven by whomever, it is followed again.
  const hasEnded = known?.job.finishedAt !== undefined;
  const followed = useFollowedJob(jobId, `${hasEnded} ${decisions}`);
  // Its lines and attempts are not in the stream: read again when its state says so, and now and then.
  const { data, error, reload } = usePolled(
    async (signal): Promise<LookedAt> => {
      const askedAt = performance.now();
      return { askedAt, job: await client.jobs.get(jobId, { signal }) };
    },
    hasEnded ? ENDED_EVERY_MS : EVERY_MS,
    `${jobId} ${followed?.job.state} ${followed?.job.attempt} ${decisions}`,
  );
  if (data && data !== last) setLast(data);
  const looked = data ?? known;
  const job = looked && newestOfJob(looked, followed);
  const decided = () => {
    setDecisions(decisions + 1);
    reload();
  };
  return (
    <div className="page">
      <nav aria-label="Place" className="crumbs">
        <a href={links.jobs()}>Jobs</a> <span aria-hidden="true">/</span>
      </nav>
      <div className="page-head">
        <h1 className="unit-title">{jobId}</h1>
        {job && <StateChip state={job.state} />}
      </div>
      {error && <Failure what="The job could not be read." error={error} retry={reload} />}
      {job === undefined ? !error && <Loading what="the job" /> : <Details job={job} onDone={decided} />}
    </div>
  );
}

function Details({ job, onDone }: { job: JobDetails; onDone: () => void }) {
  const { error, enqueuedAt, begunAt, finishedAt, notBefore, position } = job;
  const head = useRef<HTMLElement>(null);
  const decided = () => {
    head.current?.focus();
    onDone();
  };
  const isLater = notBefore !== undefined && Date.parse(notBefore) > Date.now();
  return (
    <>
      <section ref={head} className="job-head" aria-label="Progress" tabIndex={-1}>
        <Progress job={job} />
        <JobActions job={job} onDone={decided} />
      </section>
      <ol className="chain" aria-label="Where it comes from and where it runs">
        {job.causationId && (
          <li>
            <span className="chain-kind">Caused by</span>
            <Cause id={job.causationId} />
          </li>
        )}
        <li>
          <span className="chain-kind">Unit</span>
          <a href={links.unit(job.workId)}>{job.workId}</a>
        </li>
        <Execution of={job} />
      </ol>
      <dl className="figures">
        <Figure name="Name">
          <a href={links.jobs({ name: job.name })}>{job.name}</a>
        </Figure>
        {job.actor && <Figure name="Enqueued by">{job.actor}</Figure>}
        <Figure name="Enqueued">
          <Time at={enqueuedAt} />
        </Figure>
        {isLater && (
          <Figure name="Not before">
            <Time at={notBefore} />
          </Figure>
        )}
        {position !== undefined && !isLater && <Figure name="Before it">{formatCount(position)}</Figure>}
        <Figure name="Attempt">{formatCount(job.attempt)}</Figure>
        <Figure name="Last begun">
          <Time at={begunAt} />
        </Figure>
        <Figure name="Ended">
          <Time at={finishedAt} />
        </Figure>
        {finishedAt && <Figure name="Took">{formatDuration(Math.max(0, Date.parse(finishedAt) - Date.parse(enqueuedAt)))}</Figure>}
        {job.priority !== 0 && <Figure name="Priority">{job.priority}</Figure>}
        {job.correlationId && <Figure name="Correlation">{job.correlationId}</Figure>}
      </dl>
      {error && job.state !== 'done' && (
        <section aria-labelledby="error">
          <h2 id="error">Error</h2>
          <p>
            <code>{error.code}</code> {error.message}
          </p>
          {error.stack && <CodeBlock text={error.stack} label="Stack" />}
        </section>
      )}
      <Json title="Result" value={job.result} />
      <Lines lines={job.output} />
      <Attempts attempts={job.attempts} />
      <Json title="Input" value={job.input} />
    </>
  );
}
