/** A sheet over the whole window, and beside it, when asked for, its log. */
import { lazy } from 'react';
import './sheets.css';
import { LogPanel } from '../logs/log-panel.tsx';
import { links } from '../router.ts';

const sheetPages = import.meta.glob<{ SheetPage: (props: { sheetId: string }) => React.JSX.Element }>('../sheet/sheet-page.tsx');
const load = Object.values(sheetPages)[0];
const SheetPage = lazy(async () => {
  const page = await load?.();
  return { default: page?.SheetPage ?? (({ sheetId }: { sheetId: string }) => <h1>{sheetId}</h1>) };
});

export default function SheetFrame({ sheetId, query }: { sheetId: string; query: URLSearchParams }) {
  const hasPanel = query.get('panel') === 'log';
  return (
    <div className={`sheet-frame ${hasPanel ? 'sheet-frame--panel' : ''}`}>
      <div className="sheet-bar">
        <nav aria-label="Place" className="crumbs">
          <a href={links.sheets}>Sheets</a> <span aria-hidden="true">/</span> <span aria-current="page">{sheetId}</span>
        </nav>
        <a className="button button--quiet" href={links.sheet(sheetId, hasPanel ? undefined : 'log')}>
          {hasPanel ? 'Hide the log' : 'Show the log'}
        </a>
      </div>
      <div className="sheet-main">
        <SheetPage sheetId={sheetId} />
      </div>
      {hasPanel && (
        <aside className="sheet-panel" aria-label="Log and snapshots">
          <LogPanel logId={sheetId} isNarrow />
        </aside>
      )}
    </div>
  );
}
