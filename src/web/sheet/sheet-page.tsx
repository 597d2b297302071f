/** One sheet, live: it is opened, shown and closed again with the page. */
import './without-eval.ts';
import './sheet.css';
import { client as beside } from '../client.ts';
import { Failure } from '../notice.tsx';
import { SheetDesk } from './sheet-desk.tsx';
import { type SheetClient, useLiveSheet } from './use-live-sheet.ts';

export interface SheetPageProps {
  sheetId: string;
  /** Default: of the server that the page is from. */
  client?: SheetClient;
}

export function SheetPage({ sheetId, client = beside }: SheetPageProps) {
  const opened = useLiveSheet(client, sheetId);
  switch (opened.state) {
    case 'opening':
      return (
        <div className="sheet-desk" aria-busy="true">
          <p className="sheet-opening">Opening {sheetId} …</p>
        </div>
      );
    case 'failed':
      return (
        <div className="sheet-desk">
          <h1 className="sheet-unseen">{sheetId}</h1>
          <Failure error={opened.error} what={`The sheet '${sheetId}' cannot be opened.`} retry={opened.retry} />
        </div>
      );
    case 'open':
      return <SheetDesk key={sheetId} sheetId={sheetId} opened={opened.sheet} client={client} />;
  }
}
