/** The newest dead letters of one error, with what they were to deliver; looked for when somebody asks. */
import { useState } from 'react';
import { client } from '../client.ts';
import { Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { Time } from '../time.tsx';
import { usePolled } from '../use-polled.ts';
import { Payload } from './payload.tsx';

const SHOWN = 5;

export function Samples({ fingerprint }: { fingerprint: string }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details className="dead-samples" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>The newest messages</summary>
      {isOpen && <List fingerprint={fingerprint} />}
    </details>
  );
}

function List({ fingerprint }: { fingerprint: string }) {
  const { data, error, reload } = usePolled(
    (signal) => client.deadLetters.list({ fingerprint, limit: SHOWN, signal }),
    0,
    `samples ${fingerprint}`,
  );
  if (error) return <Failure what="The dead letters could not be read." error={error} retry={reload} />;
  if (data === undefined) return <Loading what="the messages" />;
  return (
    <ul>
      {data.deadLetters.map(({ id, finishedAt, message }) => (
        <li key={id}>
          <p>
            <a href={links.unit(id)} className="unit-id">
              {id}
            </a>{' '}
            <span className="muted">
              died <Time at={finishedAt} />
            </span>
          </p>
          {message ? <Payload message={message} /> : <p className="muted">Its message is gone.</p>}
        </li>
      ))}
    </ul>
  );
}
