/** An open sheet: the grid, what is done with it, and what is known of it. Each part is a file of its own; here they meet. */
import { type DragEvent, useRef, useState } from 'react';
import { cellName } from '../../spreadsheet/a1.ts';
import type { CellRange } from '../../spreadsheet/cell.ts';
import { ImportChoice } from '../import-choice.tsx';
import { useMay } from '../session-context.ts';
import type { WatchedSheet } from '../unsaved-edits.ts';
import { AddressBar } from './address-bar.tsx';
import { CellEditor } from './cell-editor.tsx';
import { ConflictNotice } from './conflict-notice.tsx';
import { cellContent } from './grid/cell-content.ts';
import { Grid, type GridRef } from './grid/grid.tsx';
import { isInRange, rangeOf } from './grid/selection.ts';
import { HistoryPanel } from './history-panel.tsx';
import { saveStatus } from './save-status.ts';
import { selectionSummary } from './selection-summary.ts';
import { StatusBar } from './status-bar.tsx';
import { TimeTravel } from './time-travel.tsx';
import { Toolbar } from './toolbar.tsx';
import { TransferBar } from './transfer-bar.tsx';
import { useExtent } from './use-extent.ts';
import { type SheetClient, useSheetView } from './use-live-sheet.ts';
import { usePast } from './use-past.ts';
import { useSelection } from './use-selection.ts';
import { useSheetActions } from './use-sheet-actions.ts';
import { useSheetInput } from './use-sheet-input.ts';
import { useTransfers } from './use-transfers.ts';
import { useUndecided } from './use-undecided.ts';
import { useWaitingWork } from './use-waiting-work.ts';
import { changeDecimals } from './values/number-formats.ts';

export function SheetDesk({ sheetId, opened, client }: { sheetId: string; opened: WatchedSheet; client: SheetClient }) {
  const { live } = opened;
  const view = useSheetView(live);
  const actions = useSheetActions(opened);
  const undecided = useUndecided(opened, view);
  const past = usePast(client, sheetId);
  const transfers = useTransfers(sheetId);
  const work = useWaitingWork(client);
  const may = useMay();
  const extent = useExtent(view.counts);
  const grid = useRef<GridRef>(null);
  const viewport = useRef<CellRange>(undefined);
  const [isHistoryOpen, setHistoryOpen] = useState(false);
  const [isDropping, setDropping] = useState(false);

  const isReadOnly = !may.write || past.view !== undefined;
  const cellAt = past.view?.getCell ?? view.getCell;
  const isFailed = (row: number, column: number) => view.load.failed.some(({ range }) => isInRange(range, { row, column }));
  const selecting = useSelection({
    isFilled({ row, column }) {
      const cell = cellAt(row, column);
      return cell && cell.value !== null;
    },
    counts: () => live.view.counts,
    pageRows: () => grid.current?.pageRows() ?? 1,
    reveal(place) {
      extent.reach(place);
      requestAnimationFrame(() => grid.current?.reveal(place));
    },
  });
  const input = useSheetInput({ grid, selecting, actions, cellAt, isPast: past.view !== undefined, isReadOnly });
  const { active } = selecting.selection;
  const range = rangeOf(selecting.selection);
  const activeCell = cellAt(active.row, active.column);
  const activeName = cellName(active.row, active.column);
  const toGrid = () => grid.current?.focus();

  function openPast(): void {
    if (past.view) {
      past.close();
    } else {
      input.cancel();
      past.open(view.sequenceId, viewport.current);
    }
  }

  function onDrop(event: DragEvent): void {
    const [file] = event.dataTransfer.files;
    event.preventDefault();
    setDropping(false);
    if (file && !isReadOnly) {
      void transfers.importFile(file);
    }
  }

  return (
    <section
      aria-label={`Sheet ${sheetId}`}
      className={`sheet-desk${isDropping ? ' is-dropping' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setDropping(!isReadOnly && event.dataTransfer.types.includes('Files'));
      }}
      onDragLeave={(event) => event.currentTarget.contains(event.relatedTarget as Node | null) || setDropping(false)}
      onDrop={onDrop}
    >
      <h1 className="sheet-unseen">{sheetId}</h1>
      <p id="sheet-keys" className="sheet-unseen">
        Arrow keys move, F2 changes a cell, F5 goes to one by its name. Escape and then Tab leaves the grid.
      </p>
      <div className="sheet-top">
        <AddressBar
          range={range}
          active={active}
          cell={activeCell}
          isReadOnly={isReadOnly}
          goToRequests={input.goToRequests}
          onGoTo={selecting.goTo}
          onEnter={actions.enter}
          onLeave={toGrid}
        />
        <Toolbar
          isReadOnly={isReadOnly}
          undoName={actions.edits.undoName}
          redoName={actions.edits.redoName}
          format={activeCell?.format}
          isHistoryOpen={isHistoryOpen}
          isPastOpen={past.view !== undefined}
          isExporting={transfers.exporting !== undefined}
          onUndo={actions.undo}
          onRedo={actions.redo}
          onFormat={(code) => actions.setFormat(range, () => code)}
          onDecimals={(by) => actions.setFormat(range, (format) => changeDecimals(format, by))}
          onHistory={() => setHistoryOpen(!isHistoryOpen)}
          onPast={openPast}
          onImport={(file) => void transfers.importFile(file)}
          onExport={(format) => void transfers.exportAs(format, past.view?.at)}
        />
      </div>
      {past.view && (
        <TimeTravel
          client={client}
          sheetId={sheetId}
          end={view.sequenceId}
          at={past.view.at}
          isThere={past.view.isThere}
          error={past.view.error}
          onMove={past.setMoment}
          onRetry={past.retry}
          onClose={past.close}
        />
      )}
      <div className="sheet-middle">
        <div className="sheet-grid-frame" onCopy={input.onClipboard} onCut={input.onClipboard} onPaste={input.onClipboard}>
          <Grid
            ref={grid}
            label={`Cells of ${sheetId}`}
            descriptionId="sheet-keys"
            rowCount={extent.rowCount}
            columnCount={extent.columnCount}
            selection={selecting.selection}
            contentOf={(row, column) => cellContent(cellAt(row, column), isFailed(row, column))}
            isNews={(row, column) => past.view !== undefined || !actions.edits.isOwn(row, column)}
            isReadOnly={isReadOnly}
            editor={
              input.editing && (
                <CellEditor
                  key={activeName}
                  mode={input.editing.mode}
                  text={input.editing.began.text ?? ''}
                  label={`Content of ${activeName}`}
                  onCommit={input.commit}
                  onCancel={input.cancel}
                />
              )
            }
            onSelect={(at, isExtended) => {
              toGrid();
              selecting.point(at, isExtended);
            }}
            onEdit={() => input.edit('change')}
            onKey={input.onKey}
            onViewport={(seen) => {
              viewport.current = seen;
              actions.edits.setViewport(seen);
              past.setViewport(seen);
            }}
            onNearEnd={extent.grow}
          />
          {isDropping && <p className="sheet-drop">Drop a CSV or XLSX file to import it into {sheetId}</p>}
          {undecided.isAny && (
            <ConflictNotice
              reasons={undecided.reasons}
              cells={undecided.cells}
              onKeepMine={(cells) => {
                undecided.decide();
                actions.edits.write('your values', cells);
              }}
              onKeepTheirs={undecided.decide}
              onShow={(cell) => selecting.goTo(cellName(cell.row, cell.column))}
            />
          )}
        </div>
        {isHistoryOpen && (
          <HistoryPanel
            client={client}
            sheetId={sheetId}
            cell={activeName}
            version={`${JSON.stringify(view.getCell(active.row, active.column))} ${view.sync.state}`}
            onClose={() => setHistoryOpen(false)}
          />
        )}
      </div>
      {[transfers.importing, transfers.exporting].map((transfer) => transfer && <TransferBar key={transfer.text} transfer={transfer} />)}
      {transfers.waiting && (
        <ImportChoice
          fileName={transfers.waiting.name}
          sheetId={sheetId}
          onImport={transfers.importInto}
          onCancel={transfers.cancelImport}
        />
      )}
      <StatusBar
        status={saveStatus(view.sync, work, undecided.isAny)}
        load={past.view ? undefined : view.load}
        counts={past.view ? undefined : view.counts}
        summary={selectionSummary(range, cellAt)}
        onRetry={() => live.retry()}
      />
    </section>
  );
}
