/** The text of the active cell while it is changed, in its place. */
import { type KeyboardEvent, useLayoutEffect, useRef } from 'react';

/** 'write': begun by typing, arrows end it. 'change': begun by F2 or a double click, arrows move within it. */
export type EditMode = 'write' | 'change';

export interface CellEditorProps {
  text: string;
  mode: EditMode;
  label: string;
  /** @param text undefined: nothing was written. @param move where the selection goes then */
  onCommit: (text: string | undefined, move: { rows: number; columns: number }) => void;
  onCancel: () => void;
}

const STAY = { rows: 0, columns: 0 };
const ARROWS: Readonly<Record<string, { rows: number; columns: number }>> = {
  ArrowUp: { rows: -1, columns: 0 },
  ArrowDown: { rows: 1, columns: 0 },
  ArrowLeft: { rows: 0, columns: -1 },
  ArrowRight: { rows: 0, columns: 1 },
};

export function CellEditor({ text, mode, label, onCommit, onCancel }: CellEditorProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const isDone = useRef(false);
  const isWritten = useRef(false);

  // Before the key that began it is typed: it goes in here.
  useLayoutEffect(() => {
    isDone.current = false;
    const { current } = field;
    current?.focus({ preventScroll: true });
    current?.setSelectionRange(current.value.length, current.value.length);
  }, []);

  function commit(move: { rows: number; columns: number }): void {
    if (!isDone.current) {
      isDone.current = true;
      onCommit(isWritten.current ? field.current?.value : undefined, move);
    }
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>): void {
    event.stopPropagation();
    // Enter and Escape belong to the input method while it is at work.
    if (event.nativeEvent.isComposing) {
      return;
    }
    const { key, shiftKey, altKey, ctrlKey, metaKey } = event;
    if (key === 'Enter' && altKey) {
      event.preventDefault();
      field.current?.setRangeText('\n', field.current.selectionStart, field.current.selectionEnd, 'end');
      isWritten.current = true;
    } else if (key === 'Enter' || key === 'Tab') {
      event.preventDefault();
      const by = shiftKey ? -1 : 1;
      commit(key === 'Enter' ? { rows: by, columns: 0 } : { rows: 0, columns: by });
    } else if (key === 'Escape') {
      event.preventDefault();
      isDone.current = true;
      onCancel();
    } else if (mode === 'write' && key in ARROWS && !shiftKey && !ctrlKey && !metaKey) {
      event.preventDefault();
      commit(ARROWS[key] ?? STAY);
    }
  }

  return (
    <textarea
      ref={field}
      className="sheet-editor"
      aria-label={label}
      defaultValue={text}
      rows={1}
      spellCheck={false}
      autoComplete="off"
      onInput={() => {
        isWritten.current = true;
      }}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => event.stopPropagation()}
      onDoubleClick={(event) => event.stopPropagation()}
      onBlur={() => commit(STAY)}
    />
  );
}
