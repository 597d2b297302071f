/** One unit: the chain it belongs to, how far it is, and why it failed. */
import './work.css';
import type { UnitDetails } from '../api-types.ts';
import { client } from '../client.ts';
import { CodeBlock } from '../code-block.tsx';
import { Cause, Execution, Figure, Json } from '../details.tsx';
import { formatCount, formatDuration } from '../format.ts';
import { Delivery } from '../messages/delivery.tsx';
import { Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { useMay } from '../session-context.ts';
import { StateChip } from '../state-chip.tsx';
import { Time } from '../time.tsx';
import { usePolled } from '../use-polled.ts';
import { Decide } from './decide.tsx';

const EVERY_MS = 1_500;

export default function UnitPage({ workId }: { workId: string }) {
  const { data: unit, error, reload } = usePolled((signal) => client.work.get(workId, { signal }), EVERY_MS, workId);
  return (
    <div className="page">
      <nav aria-label="Place" className="crumbs">
        <a href={links.work()}>Work</a> <span aria-hidden="true">/</span>
      </nav>
      <div className="page-head">
        <h1 className="unit-title">{workId}</h1>
        {unit && <StateChip state={unit.state} />}
      </div>
      {error && <Failure what="The unit could not be read." error={error} retry={reload} />}
      {unit === undefined ? !error && <Loading what="the unit" /> : <Details unit={unit} onDone={reload} />}
    </div>
  );
}

function Details({ unit, onDone }: { unit: UnitDetails; onDone: () => void }) {
  const { error, createdAt, begunAt, finishedAt } = unit;
  const may = useMay();
  return (
    <>
      <Chain unit={unit} />
      {unit.state === 'dead' && (
        <div className="notice notice--danger">
          <p>
            <strong>It gave up.</strong> It stays like this until a person decides.
          </p>
          <Decide selection={{ ids: [unit.id] }} units={1} what={unit.id} onDone={onDone} />
        </div>
      )}
      <dl className="figures">
        <Figure name="Group">
          <a href={links.work({ group: unit.group })}>{unit.group}</a>
        </Figure>
        <Figure name="Attempt">{formatCount(unit.attempt)}</Figure>
        <Figure name="Asked for">
          <Time at={createdAt} />
        </Figure>
        <Figure name="Last begun">
          <Time at={begunAt} />
        </Figure>
        <Figure name="Ended">
          <Time at={finishedAt} />
        </Figure>
        {finishedAt && <Figure name="Took">{formatDuration(Math.max(0, Date.parse(finishedAt) - Date.parse(createdAt)))}</Figure>}
        {unit.actor && <Figure name="Asked for by">{unit.actor}</Figure>}
        {unit.orderingKey && <Figure name="In order with">{unit.orderingKey}</Figure>}
        {unit.correlationId && <Figure name="Correlation">{unit.correlationId}</Figure>}
        {unit.causationId && (
          <Figure name="Caused by">
            <Cause id={unit.causationId} />
          </Figure>
        )}
      </dl>
      {error && (
        <section aria-labelledby="error">
          <h2 id="error">Error</h2>
          <p>
            <code>{error.code}</code> {error.message}
          </p>
          {error.stack && <CodeBlock text={error.stack} label="Stack" />}
        </section>
      )}
      {unit.message && may.admin && <Delivery workId={unit.id} epoch={unit.epoch} />}
      <Json title="Progress" value={unit.progress} />
      <Json title="Result" value={unit.result} />
      <Json title="Input" value={unit.input} />
    </>
  );
}

/** entry → unit → execution; of a delivery what published it → message → unit → execution. */
function Chain({ unit }: { unit: UnitDetails }) {
  const { entry, message } = unit;
  const job = jobOf(unit);
  return (
    <ol className="chain" aria-label="Where it comes from and where it runs">
      {entry && (
        <li>
          <span className="chain-kind">Entry</span>
          <a href={links.log(entry.logId)}>
            {entry.logId} #{formatCount(Number(entry.sequenceId))}
          </a>
        </li>
      )}
      {message?.causationId && (
        <li>
          <span className="chain-kind">Published by</span>
          <Cause id={message.causationId} />
        </li>
      )}
      {message && (
        <li>
          <span className="chain-kind">Message</span>
          <span>
            <a href={links.messages}>{message.topic}</a> #{message.messageId} <Time at={message.publishedAt} />
          </span>
        </li>
      )}
      <li>
        <span className="chain-kind">Unit</span>
        <span>
          {unit.workflow} <StateChip state={unit.state} />
        </span>
      </li>
      {job !== undefined && (
        <li>
          <span className="chain-kind">Job</span>
          <a href={links.job(job)}>{job}</a>
        </li>
      )}
      <Execution of={unit} />
    </ol>
  );
}

/** The id of a job that somebody enqueued; those of Tidemark's own are units alone. */
function jobOf({ id, workflow, group }: UnitDetails): string | undefined {
  const prefix = `job/${group}/`;
  const isOurs = group === 'on-dead' || group === 'collect-garbage';
  return workflow === 'job' && !isOurs && id.startsWith(prefix) ? `${group}:${decodeURIComponent(id.slice(prefix.length))}` : undefined;
}
