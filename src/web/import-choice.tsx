/**
 * A file is to go into a sheet that holds something already. The server imports into empty sheets, and goes on with an import of the same file that
 * has broken off: these two are offered.
 */
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { isLogId, LOG_ID_RULE, logIdOfFile } from './sheets/log-id.ts';

export interface ImportChoiceProps {
  fileName: string;
  sheetId: string;
  onImport: (sheetId: string) => void;
  onCancel: () => void;
}

export function ImportChoice({ fileName, sheetId, onImport, onCancel }: ImportChoiceProps) {
  const [id, setId] = useState(() => otherName(logIdOfFile(fileName), sheetId));
  const [problem, setProblem] = useState<string>();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (isLogId(id)) {
      onImport(id);
    } else {
      setProblem(LOG_ID_RULE);
    }
  }

  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="import-title" aria-describedby="import-text" onClose={onCancel}>
      <h2 id="import-title">{sheetId} is not empty</h2>
      <p id="import-text">
        {fileName} can become a new sheet. If its import into {sheetId} was broken off, that can go on instead.
      </p>
      <form onSubmit={submit} noValidate>
        <label htmlFor="import-name">Name of the new sheet</label>
        <input
          id="import-name"
          value={id}
          autoComplete="off"
          spellCheck={false}
          aria-invalid={problem !== undefined}
          aria-describedby="import-problem"
          onChange={(event) => setId(event.target.value)}
        />
        <p id="import-problem" role="alert" className="form-problem">
          {problem}
        </p>
        <div className="row row--end">
          <button type="button" className="button" onClick={onCancel}>
            Cancel
          </button>
          <button type="button" className="button" onClick={() => onImport(sheetId)}>
            Go on with the import
          </button>
          <button type="submit" className="button button--primary">
            Make a new sheet
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** 'prices' → 'prices-2' where that is the one which is not empty. */
function otherName(id: string, taken: string): string {
  const [, base = id, number = '1'] = /^(.*?)(?:-(\d{1,4}))?$/.exec(id) ?? [];
  return id === taken ? `${base.slice(0, 90)}-${Number(number) + 1}` : id;
}
