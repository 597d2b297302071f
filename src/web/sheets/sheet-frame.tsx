/** A sheet over the whole window, and beside it, when asked for, its log. */
import './sheets.css';
import { lazy, Suspense } from 'react';
import { client } from '../client.ts';
import { Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { SheetPage } from '../sheet/sheet-page.tsx';

/** Most never ask for it. */
const LogPanel = lazy(async () => ({ default: (await import('../logs/log-panel.tsx')).LogPanel }));

export default function SheetFrame({ sheetId, query }: { sheetId: string; query: URLSearchParams }) {
  const hasPanel = query.get('panel') === 'log';
  return (
    <div className={`sheet-frame ${hasPanel ? 'sheet-frame--panel' : ''}`}>
      <div className="sheet-bar">
        <div className="sheet-place">
          <nav aria-label="Place" className="crumbs">
            <a href={links.sheets}>Sheets</a> <span aria-hidden="true">/</span>
          </nav>
          <span className="sheet-title">{sheetId}</span>
        </div>
        <a className="button button--quiet" href={links.sheet(sheetId, hasPanel ? undefined : 'log')}>
          {hasPanel ? 'Hide the log' : 'Show the log'}
        </a>
      </div>
      <div className="sheet-main">
        <SheetPage sheetId={sheetId} client={client} />
      </div>
      {hasPanel && (
        <aside className="sheet-panel" aria-label="Log and snapshots">
          <Suspense fallback={<Loading what="the log" />}>
            <LogPanel logId={sheetId} isNarrow />
          </Suspense>
        </aside>
      )}
    </div>
  );
}
