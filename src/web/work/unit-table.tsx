import type { Unit } from '../api-types.ts';
import { formatDuration, shorten } from '../format.ts';
import { links } from '../router.ts';
import { StateChip } from '../state-chip.tsx';
import { Time } from '../time.tsx';

export function UnitTable({ units, caption }: { units: readonly Unit[]; caption: string }) {
  return (
    <div className="table-frame">
      <table>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Unit</th>
            <th scope="col">State</th>
            <th scope="col" className="wide">
              Group
            </th>
            <th scope="col" className="number wide">
              Attempt
            </th>
            <th scope="col">Asked for</th>
            <th scope="col" className="number">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {units.map((unit) => (
            <tr key={unit.id}>
              <th scope="row" className="unit-id">
                <a href={links.unit(unit.id)}>{unit.id}</a>
                {unit.error && <span className="unit-error">{shorten(`${unit.error.code}: ${unit.error.message}`, 120)}</span>}
              </th>
              <td>
                <StateChip state={unit.state} />
              </td>
              <td className="wide">{unit.group}</td>
              <td className="number wide">{unit.attempt}</td>
              <td>
                <Time at={unit.createdAt} />
              </td>
              <td className="number time">{took(unit)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** From being asked for to the end, as the charts count. */
function took({ createdAt, finishedAt }: Unit): string {
  return finishedAt === undefined ? '–' : formatDuration(Math.max(0, Date.parse(finishedAt) - Date.parse(createdAt)));
}
