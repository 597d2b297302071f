/** What can be done with the sheet and the selected cells. */

import { type ReactNode, useRef } from 'react';
import { Icon } from '../icons.tsx';
import type { ExportFormat } from './sheet-requests.ts';
import { formatKind } from './values/format-value.ts';
import { FORMATS } from './values/number-formats.ts';

export interface ToolbarProps {
  isReadOnly: boolean;
  undoName: string | undefined;
  redoName: string | undefined;
  /** Of the active cell. */
  format: string | undefined;
  isHistoryOpen: boolean;
  isPastOpen: boolean;
  isExporting: boolean;
  onUndo: () => void;
  onRedo: () => void;
  onFormat: (code: string | undefined) => void;
  onDecimals: (by: 1 | -1) => void;
  onHistory: () => void;
  onPast: () => void;
  onImport: (file: File) => void;
  onExport: (format: ExportFormat) => void;
}

export function Toolbar(props: ToolbarProps) {
  const { isReadOnly, undoName, redoName, format } = props;
  const file = useRef<HTMLInputElement>(null);
  return (
    <div className="sheet-tools" role="toolbar" aria-label="Sheet">
      <Tool name={undoName ? `Undo ${undoName}` : 'Nothing to undo'} isOff={isReadOnly || !undoName} onClick={props.onUndo}>
        <path d="M7.5 4 4 7.5 7.5 11M4.5 7.5h7a4 4 0 0 1 0 8H9" />
      </Tool>
      <Tool name={redoName ? `Redo ${redoName}` : 'Nothing to redo'} isOff={isReadOnly || !redoName} onClick={props.onRedo}>
        <path d="M12.5 4 16 7.5 12.5 11M15.5 7.5h-7a4 4 0 0 0 0 8H11" />
      </Tool>
      <span className="sheet-tool-gap" />
      <select
        className="sheet-format"
        aria-label="Number format"
        disabled={isReadOnly}
        value={formatKind(format)}
        onChange={(event) => props.onFormat(FORMATS.find(({ kind }) => kind === event.target.value)?.code)}
      >
        {FORMATS.map(({ kind, name, example }) => (
          <option key={kind} value={kind}>
            {name} · {example}
          </option>
        ))}
      </select>
      <Tool name="Fewer decimals" isOff={isReadOnly} onClick={() => props.onDecimals(-1)} text=".0" />
      <Tool name="More decimals" isOff={isReadOnly} onClick={() => props.onDecimals(1)} text=".00" />
      <span className="sheet-tool-gap" />
      <Tool name="History of the cell" isOn={props.isHistoryOpen} onClick={props.onHistory}>
        <circle cx="10" cy="10" r="6.2" />
        <path d="M10 6.5V10l2.4 1.6" />
      </Tool>
      <Tool name="Earlier states of the sheet" isOn={props.isPastOpen} onClick={props.onPast}>
        <path d="M3 10h14" />
        <circle cx="12" cy="10" r="2.6" className="sheet-tool-solid" />
      </Tool>
      <span className="sheet-tool-gap" />
      <Tool name="Import a file: CSV or XLSX" isOff={isReadOnly} onClick={() => file.current?.click()}>
        <path d="M10 13V3.5M6.5 7 10 3.5 13.5 7M4 13v3h12v-3" />
      </Tool>
      <input
        ref={file}
        type="file"
        hidden
        aria-label="File to import"
        accept=".csv,.tsv,.txt,.xlsx"
        onChange={(event) => {
          const [chosen] = event.target.files ?? [];
          event.target.value = '';
          if (chosen) {
            props.onImport(chosen);
          }
        }}
      />
      <select
        className="sheet-export"
        aria-label="Export as"
        disabled={props.isExporting}
        value=""
        onChange={(event) => props.onExport(event.target.value as ExportFormat)}
      >
        <option value="" disabled hidden>
          Export
        </option>
        <option value="csv">CSV</option>
        <option value="csv-exact">CSV, exact</option>
        <option value="xlsx">XLSX</option>
      </select>
    </div>
  );
}

interface ToolProps {
  name: string;
  isOff?: boolean;
  /** For one that stays pressed. */
  isOn?: boolean;
  /** In the place of a picture. */
  text?: string;
  children?: ReactNode;
  onClick: () => void;
}

function Tool({ name, isOff = false, isOn, text, children, onClick }: ToolProps) {
  return (
    <button
      type="button"
      className="sheet-tool"
      aria-label={name}
      title={name}
      aria-pressed={isOn}
      disabled={isOff}
      data-text={text}
      onClick={onClick}
    >
      {text === undefined && <Icon>{children}</Icon>}
    </button>
  );
}
