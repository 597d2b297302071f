/** All sheets: find one, make one, or drop a file to get one. */
import { useState } from 'react';
import type { Log } from '../api-types.ts';
import { formatCount } from '../format.ts';
import { NamedListHead } from '../named-list-head.tsx';
import { Empty, Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { useMay } from '../session-context.ts';
import { Time } from '../time.tsx';
import { usePagedLogs } from '../use-paged-logs.ts';
import { CreateSheet } from './create-sheet.tsx';
import { ImportFile } from './import-file.tsx';

export default function SheetsPage() {
  const [prefix, setPrefix] = useState('');
  const { logs, hasMore, more, error, reload } = usePagedLogs({ type: 'sheet', prefix });
  const may = useMay();

  return (
    <div className="page">
      <NamedListHead title="Sheets" prefix={prefix} onPrefix={setPrefix} />
      {may.write && (
        <div className="make">
          <CreateSheet />
          <ImportFile />
        </div>
      )}
      {error && <Failure what="The sheets could not be listed." error={error} retry={reload} />}
      {logs === undefined ? !error && <Loading what="sheets" /> : <SheetTable sheets={logs} prefix={prefix} />}
      {hasMore && (
        <button type="button" className="button" onClick={more}>
          More sheets
        </button>
      )}
    </div>
  );
}

function SheetTable({ sheets, prefix }: { sheets: readonly Log[]; prefix: string }) {
  if (sheets.length === 0) {
    return (
      <Empty>
        {prefix === '' ? 'There are no sheets yet. Create one, or drop a CSV or XLSX file here.' : `No sheet begins with “${prefix}”.`}
      </Empty>
    );
  }
  return (
    <div className="table-frame">
      <table>
        <thead>
          <tr>
            <th scope="col">Sheet</th>
            <th scope="col" className="number">
              Entries written
            </th>
            <th scope="col" className="number wide">
              Held in the log
            </th>
            <th scope="col" className="wide">
              Created
            </th>
            <th scope="col">
              <span className="visually-hidden">Its log</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sheets.map(({ id, firstSequenceId, nextSequenceId, createdAt }) => (
            <tr key={id}>
              <th scope="row">
                <a className="strong" href={links.sheet(id)}>
                  {id}
                </a>
              </th>
              <td className="number">{formatCount(Number(nextSequenceId))}</td>
              <td className="number wide">{formatCount(Number(nextSequenceId) - Number(firstSequenceId))}</td>
              <td className="wide">
                <Time at={createdAt} />
              </td>
              <td className="end">
                <a href={links.log(id)} aria-label={`Log of ${id}`}>
                  Log
                </a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
