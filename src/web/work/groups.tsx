/** What waits, runs and has died, by group; a group's name narrows the whole page to it. */
import { type GroupStats, WORK_STATES, type WorkState } from '../api-types.ts';
import { formatCount, formatDuration } from '../format.ts';
import { Empty } from '../notice.tsx';
import { links } from '../router.ts';
import { DepthCells, DepthHeads, SHOWN_STATES } from './depth-columns.tsx';

interface GroupsProps {
  groups: readonly GroupStats[];
  chosen: string;
  /** The page's filters with other values. */
  linkWith: (filters: Readonly<Record<string, string>>) => string;
}

const SHOWN: ReadonlySet<WorkState> = new Set(SHOWN_STATES);

export function Groups({ groups, chosen, linkWith }: GroupsProps) {
  if (groups.length === 0) return <Empty>No work has been asked for yet.</Empty>;
  const rare = WORK_STATES.filter((state) => !SHOWN.has(state) && groups.some(({ depth }) => depth[state] > 0));
  const states: readonly WorkState[] = [...SHOWN_STATES, ...rare];
  return (
    <div className="table-frame">
      <table>
        <caption className="visually-hidden">Units by group</caption>
        <thead>
          <tr>
            <th scope="col">Group</th>
            <DepthHeads states={states} />
            <th scope="col" className="number wide">
              oldest running
            </th>
          </tr>
        </thead>
        <tbody>
          {groups.map(({ group, depth, paused, scheduled, oldestWaitingMs, oldestRunningMs }, index) => (
            <tr key={group} className={group === chosen ? 'chosen' : undefined}>
              <th scope="row">
                <span className={`swatch series-${(index % 6) + 1}`} aria-hidden="true" />{' '}
                <a href={linkWith({ group: group === chosen ? '' : group })} aria-current={group === chosen ? 'true' : undefined}>
                  {group}
                </a>{' '}
                {paused && <span className="tag tag--warning">paused</span>}
                {scheduled > 0 && <span className="tag">{formatCount(scheduled)} for later</span>}
              </th>
              <DepthCells states={states} depth={depth} oldestWaitingMs={oldestWaitingMs} linkTo={(state) => linkWith({ group, state })} />
              <td className="number wide">
                {oldestRunningMs === undefined ? <span className="muted">–</span> : formatDuration(oldestRunningMs)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {chosen !== '' && (
        <p className="table-foot">
          Only group <strong>{chosen}</strong>. <a href={links.work()}>All groups</a>
        </p>
      )}
    </div>
  );
}
