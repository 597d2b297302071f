/** Edits that were not written: both values, and the choice between them. It stays until a person has chosen. */
import type { ConflictingCell } from '../../errors.ts';
import { cellName } from '../../spreadsheet/a1.ts';
import type { Cell } from '../../spreadsheet/cell.ts';
import { formatCount } from '../format.ts';
import { formatValue } from './values/format-value.ts';

export interface ConflictNoticeProps {
  /** Why, where that is not that others have written the same cells. */
  reasons: readonly string[];
  /** Each once. */
  cells: readonly ConflictingCell[];
  /** Ours are written after all. */
  onKeepMine: (cells: readonly { row: number; column: number; cell: Cell }[]) => void;
  /** Nothing is written. */
  onKeepTheirs: () => void;
  onShow: (cell: ConflictingCell) => void;
}

const MAX_SHOWN = 6;

export function ConflictNotice({ reasons, cells, onKeepMine, onKeepTheirs, onShow }: ConflictNoticeProps) {
  return (
    <section className="sheet-conflict" role="alertdialog" aria-labelledby="sheet-conflict-title">
      <h2 id="sheet-conflict-title">{cells.length > 0 && reasons.length === 0 ? 'Somebody else wrote here too' : 'Not saved'}</h2>
      {reasons.map((reason) => (
        <p key={reason}>{reason}</p>
      ))}
      {cells.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">Cell</th>
              <th scope="col">{reasons.length === 0 ? 'Theirs, in the sheet' : 'In the sheet'}</th>
              <th scope="col">Yours, not saved</th>
            </tr>
          </thead>
          <tbody>
            {cells.slice(0, MAX_SHOWN).map((cell) => (
              <tr key={cellName(cell.row, cell.column)}>
                <th scope="row">
                  <button type="button" className="sheet-link" onClick={() => onShow(cell)}>
                    {cellName(cell.row, cell.column)}
                  </button>
                </th>
                <td>{cell.theirs === undefined ? 'not known' : shown(cell.theirs)}</td>
                <td>{shown(cell.ours)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {cells.length > MAX_SHOWN && <p>and {formatCount(cells.length - MAX_SHOWN)} more cells.</p>}
      <div className="sheet-choices">
        {cells.length > 0 ? (
          <>
            <button type="button" className="button" onClick={onKeepTheirs}>
              Keep theirs
            </button>
            <button
              type="button"
              className="button button--primary"
              onClick={() => onKeepMine(cells.map(({ row, column, ours }) => ({ row, column, cell: ours })))}
            >
              Write mine
            </button>
          </>
        ) : (
          <button type="button" className="button" onClick={onKeepTheirs}>
            Understood
          </button>
        )}
      </div>
    </section>
  );
}

const shown = (cell: Cell) => (cell.value === null ? 'empty' : formatValue(cell));
