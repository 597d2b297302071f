/** How many units are in each state: the columns that tables of groups and of subscriptions share. */
import type { WorkState } from '../api-types.ts';
import { formatCount, formatDuration } from '../format.ts';

export const SHOWN_STATES = ['waiting', 'running', 'done', 'dead'] as const satisfies readonly WorkState[];

export function DepthHeads<StateT extends WorkState>({ states }: { states: readonly StateT[] }) {
  return (
    <>
      {states.map((state) => (
        <th key={state} scope="col" className="number">
          {state}
        </th>
      ))}
      <th scope="col" className="number">
        oldest waiting
      </th>
    </>
  );
}

interface DepthCellsProps<StateT extends WorkState> {
  states: readonly StateT[];
  depth: Readonly<Record<StateT, number>>;
  oldestWaitingMs: number | undefined;
  /** Where the units in a state are listed. */
  linkTo: (state: StateT) => string;
}

export function DepthCells<StateT extends WorkState>({ states, depth, oldestWaitingMs, linkTo }: DepthCellsProps<StateT>) {
  return (
    <>
      {states.map((state) => (
        <td key={state} className={`number ${depth[state] > 0 && state === 'dead' ? 'is-dead' : ''}`}>
          {depth[state] > 0 ? <a href={linkTo(state)}>{formatCount(depth[state])}</a> : <span className="muted">0</span>}
        </td>
      ))}
      <td className="number">{oldestWaitingMs === undefined ? <span className="muted">–</span> : formatDuration(oldestWaitingMs)}</td>
    </>
  );
}
