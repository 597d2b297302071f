/** Which cell is active and all that it holds. Both can be written to: to go there, and to change it where typing into a cell is hard. */
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { errorMessage } from '../../errors.ts';
import { rangeName } from '../../spreadsheet/a1.ts';
import type { Cell, CellRange } from '../../spreadsheet/cell.ts';
import type { EditBeginning } from './edits/sheet-edits.ts';
import type { Place } from './grid/selection.ts';
import { textToEdit } from './values/recognise-input.ts';

export interface AddressBarProps {
  range: CellRange;
  active: Place;
  /** undefined: not loaded. */
  cell: Cell | undefined;
  isReadOnly: boolean;
  /** Counts up when the name is to be written. */
  goToRequests: number;
  /** @throws InvalidInputError */
  onGoTo: (text: string) => void;
  onEnter: (place: Place, text: string, began: EditBeginning) => void;
  onLeave: () => void;
}

export function AddressBar({ range, active, cell, isReadOnly, goToRequests, onGoTo, onEnter, onLeave }: AddressBarProps) {
  return (
    <div className="sheet-address">
      <NameBox name={rangeName(range)} requests={goToRequests} onGoTo={onGoTo} onLeave={onLeave} />
      <ValueField
        key={`${active.row} ${active.column}`}
        active={active}
        cell={cell}
        isReadOnly={isReadOnly || cell === undefined}
        onEnter={onEnter}
        onLeave={onLeave}
      />
    </div>
  );
}

interface NameBoxProps {
  name: string;
  requests: number;
  onGoTo: (text: string) => void;
  onLeave: () => void;
}

function NameBox({ name, requests, onGoTo, onLeave }: NameBoxProps) {
  const [draft, setDraft] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (requests > 0) {
      field.current?.select();
    }
  }, [requests]);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      setDraft(undefined);
      setProblem(undefined);
      onLeave();
    } else if (event.key === 'Enter') {
      try {
        onGoTo(draft ?? name);
        setDraft(undefined);
        setProblem(undefined);
        onLeave();
      } catch (error) {
        setProblem(errorMessage(error));
      }
    }
  }

  return (
    <div className="sheet-name">
      <input
        ref={field}
        aria-label="Go to cell or range"
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : 'sheet-name-problem'}
        value={draft ?? name}
        spellCheck={false}
        autoComplete="off"
        onFocus={(event) => event.target.select()}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={onKeyDown}
        onBlur={() => {
          setDraft(undefined);
          setProblem(undefined);
        }}
      />
      {problem !== undefined && (
        <p id="sheet-name-problem" role="alert" className="sheet-name-problem">
          {problem}
        </p>
      )}
    </div>
  );
}

interface ValueFieldProps extends Pick<AddressBarProps, 'active' | 'cell' | 'isReadOnly' | 'onEnter' | 'onLeave'> {}

function ValueField({ active, cell, isReadOnly, onEnter, onLeave }: ValueFieldProps) {
  const [draft, setDraft] = useState<{ text: string; began: EditBeginning }>();
  const text = cell === undefined ? '' : textToEdit(cell);

  function commit(): void {
    if (draft !== undefined) {
      onEnter(active, draft.text, draft.began);
    }
    setDraft(undefined);
  }

  return (
    <input
      className="sheet-value"
      aria-label="Content of the cell"
      value={draft?.text ?? text}
      readOnly={isReadOnly}
      spellCheck={false}
      autoComplete="off"
      onChange={({ target }) => setDraft({ text: target.value, began: draft?.began ?? { cell: cell ?? { value: null }, text } })}
      onKeyDown={(event) => {
        if (event.key === 'Enter') {
          commit();
          onLeave();
        } else if (event.key === 'Escape') {
          setDraft(undefined);
          onLeave();
        }
      }}
      onBlur={commit}
    />
  );
}
