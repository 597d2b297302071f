/** What a delivery is to deliver, and what was decided about it: on its unit's page, for those who may see it. */
import { client } from '../client.ts';
import { Failure } from '../notice.tsx';
import { Time } from '../time.tsx';
import { usePolled } from '../use-polled.ts';
import { Payload } from './payload.tsx';

/** @param epoch of the unit: with another one there may be another decision */
export function Delivery({ workId, epoch }: { workId: string; epoch: string }) {
  const { data, error, reload } = usePolled((signal) => client.deadLetters.get(workId, { signal }), 0, `${workId} ${epoch}`);
  if (error) return <Failure what="Its message could not be read." error={error} retry={reload} />;
  if (data === undefined) return null;
  const { message, decisions } = data;
  const attributes = Object.entries(message?.attributes ?? {});
  return (
    <>
      <section aria-label="Message">
        <h2>Message</h2>
        {message ? <Payload message={message} /> : <p className="muted">It is gone.</p>}
        {attributes.length > 0 && (
          <dl className="figures">
            {attributes.map(([name, text]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        )}
      </section>
      {decisions.length > 0 && (
        <section aria-label="Decisions">
          <h2>Decisions</h2>
          <ul>
            {decisions.map(({ decision, decidedAt, actor, correlationId, code }) => (
              <li key={decidedAt}>
                {decision === 'redrive' ? 'Redriven' : 'Discarded'} <Time at={decidedAt} />
                {actor && ` by ${actor}`}
                {correlationId && ` (${correlationId})`}, dead of <code>{code}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
