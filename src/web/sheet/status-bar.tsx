/** The last line: what is saved, what could not be loaded, and what is selected. */

import { errorMessage } from '../../errors.ts';
import type { LoadStatus, ViewCounts } from '../../live-sheet/types.ts';
import { formatCount, plural } from '../format.ts';
import type { SaveStatus } from './save-status.ts';

export interface StatusBarProps {
  status: SaveStatus;
  load: LoadStatus | undefined;
  counts: ViewCounts | undefined;
  summary: string | undefined;
  onRetry: () => void;
}

export function StatusBar({ status, load, counts, summary, onRetry }: StatusBarProps) {
  const failed = load?.failed ?? [];
  return (
    <footer className="sheet-status">
      <output className={`sheet-saved is-${status.word.replace(' ', '-')}`} aria-live="polite" title={status.detail}>
        {status.text}
      </output>
      {failed.length > 0 && (
        <span className="sheet-failed" role="alert" title={errorMessage(failed[0]?.error)}>
          {plural(failed.length, 'part')} of the sheet could not be loaded.{' '}
          <button type="button" className="sheet-link" onClick={onRetry}>
            Try again
          </button>
        </span>
      )}
      <span className="sheet-summary">{summary}</span>
      {counts && (
        <span className="sheet-counts">
          {counts.isExact ? '' : 'about '}
          {formatCount(counts.rowCount)} × {formatCount(counts.columnCount)}
          <span className="sheet-wide">, {plural(counts.cellCount, 'cell')}</span>
        </span>
      )}
    </footer>
  );
}
