/** All logs, of every type. */
import { useState } from 'react';
import { formatCount } from '../format.ts';
import { NamedListHead } from '../named-list-head.tsx';
import { Empty, Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { Time } from '../time.tsx';
import { usePagedLogs } from '../use-paged-logs.ts';

export default function LogsPage() {
  const [prefix, setPrefix] = useState('');
  const { logs, hasMore, more, error, reload } = usePagedLogs({ prefix });
  return (
    <div className="page">
      <NamedListHead title="Logs" prefix={prefix} onPrefix={setPrefix} />
      {error && <Failure what="The logs could not be listed." error={error} retry={reload} />}
      {logs === undefined && !error && <Loading what="logs" />}
      {logs?.length === 0 && <Empty>{prefix === '' ? 'There are no logs yet.' : `No log begins with “${prefix}”.`}</Empty>}
      {logs && logs.length > 0 && (
        <div className="table-frame">
          <table>
            <thead>
              <tr>
                <th scope="col">Log</th>
                <th scope="col">Type</th>
                <th scope="col" className="number">
                  First held
                </th>
                <th scope="col" className="number">
                  Next entry
                </th>
                <th scope="col" className="number wide">
                  Snapshot every
                </th>
                <th scope="col" className="wide">
                  Created
                </th>
              </tr>
            </thead>
            <tbody>
              {logs.map((log) => (
                <tr key={log.id}>
                  <th scope="row">
                    <a className="strong" href={links.log(log.id)}>
                      {log.id}
                    </a>
                  </th>
                  <td>
                    <span className="tag">{log.type}</span>
                  </td>
                  <td className="number">{formatCount(Number(log.firstSequenceId))}</td>
                  <td className="number">{formatCount(Number(log.nextSequenceId))}</td>
                  <td className="number wide">{log.snapshotEvery === undefined ? '–' : formatCount(log.snapshotEvery)}</td>
                  <td className="wide">
                    <Time at={log.createdAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {hasMore && (
        <button type="button" className="button" onClick={more}>
          More logs
        </button>
      )}
    </div>
  );
}
