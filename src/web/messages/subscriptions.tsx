/** One line a subscription: what waits, runs and is dead, and whether it is paused. */
import { useState } from 'react';
import type { Subscription } from '../api-types.ts';
import { client } from '../client.ts';
import { formatCount } from '../format.ts';
import { Empty } from '../notice.tsx';
import { links } from '../router.ts';
import { useMay } from '../session-context.ts';
import { toast } from '../toasts.tsx';
import { DepthCells, DepthHeads, SHOWN_STATES } from '../work/depth-columns.tsx';

export function Subscriptions({ subscriptions, onDone }: { subscriptions: readonly Subscription[]; onDone: () => void }) {
  if (subscriptions.length === 0) return <Empty>There are no subscriptions: nobody gets messages.</Empty>;
  return (
    <div className="table-frame">
      <table>
        <caption className="visually-hidden">Deliveries by subscription</caption>
        <thead>
          <tr>
            <th scope="col">Subscription</th>
            <th scope="col">Topic</th>
            <DepthHeads states={SHOWN_STATES} />
            <th scope="col">
              <span className="visually-hidden">Pause</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {subscriptions.map(({ name, topic, paused, ordered, maxMessages, depth, scheduled, oldestWaitingMs }) => (
            <tr key={name}>
              <th scope="row">
                <a href={links.work({ group: name })}>{name}</a> {paused && <span className="tag tag--warning">paused</span>}
                {ordered && <span className="tag">in order</span>}
                {maxMessages !== undefined && <span className="tag">{formatCount(maxMessages)} at once</span>}
                {scheduled > 0 && <span className="tag">{formatCount(scheduled)} for later</span>}
              </th>
              <td>{topic}</td>
              <DepthCells
                states={SHOWN_STATES}
                depth={depth}
                oldestWaitingMs={oldestWaitingMs}
                linkTo={(state) => links.work({ group: name, state })}
              />
              <td>
                <PauseButton name={name} paused={paused} onDone={onDone} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PauseButton({ name, paused, onDone }: { name: string; paused: boolean; onDone: () => void }) {
  const may = useMay();
  const [isDoing, setIsDoing] = useState(false);
  if (!may.admin) return null;
  const change = async () => {
    setIsDoing(true);
    try {
      await client.subscriptions[paused ? 'resume' : 'pause'](name);
      toast(paused ? `${name} delivers again.` : `${name} is paused: its messages wait.`);
      onDone();
    } catch (error) {
      toast(`${paused ? 'Resume' : 'Pause'}: ${(error as Error).message}`, 'danger');
    }
    setIsDoing(false);
  };
  return (
    <button type="button" className="button" disabled={isDoing} onClick={change} aria-label={`${paused ? 'Resume' : 'Pause'} ${name}`}>
      {paused ? 'Resume' : 'Pause'}
    </button>
  );
}
