/** What a key asks of the sheet, as spreadsheets have it. On a Mac, Command is what Ctrl is elsewhere. */
export type KeyCommand =
  | { type: 'move'; rows: number; columns: number; isExtended: boolean; by: 'cell' | 'page' | 'edge' }
  | { type: 'step'; rows: number; columns: number }
  | { type: 'go'; to: 'row-start' | 'row-end' | 'first' | 'last'; isExtended: boolean }
  | { type: 'edit' }
  /** The key itself is what is typed first. */
  | { type: 'write' }
  | { type: 'clear' | 'undo' | 'redo' | 'fill-down' | 'fill-right' | 'select-all' | 'select-row' | 'select-column' | 'go-to' | 'escape' };

export interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

const ARROWS: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** @returns undefined for a key that is none of the sheet's */
export function commandOf({ key, ctrlKey, metaKey, shiftKey, altKey }: Key): KeyCommand | undefined {
  const isControl = ctrlKey || metaKey;
  const isExtended = shiftKey;
  const arrow = ARROWS[key];
  if (arrow !== undefined) {
    const [rows, columns] = arrow;
    return altKey ? undefined : { type: 'move', rows, columns, isExtended, by: isControl ? 'edge' : 'cell' };
  }
  if (altKey && !isControl && key.length > 1) {
    return undefined;
  }
  switch (key) {
    case 'Enter':
      return isControl ? undefined : { type: 'step', rows: shiftKey ? -1 : 1, columns: 0 };
    case 'Tab':
      return isControl ? undefined : { type: 'step', rows: 0, columns: shiftKey ? -1 : 1 };
    case 'PageUp':
    case 'PageDown':
      return isControl ? undefined : { type: 'move', rows: key === 'PageUp' ? -1 : 1, columns: 0, isExtended, by: 'page' };
    case 'Home':
      return { type: 'go', to: isControl ? 'first' : 'row-start', isExtended };
    case 'End':
      return { type: 'go', to: isControl ? 'last' : 'row-end', isExtended };
    case 'F2':
      return { type: 'edit' };
    case 'F5':
      return isControl || shiftKey ? undefined : { type: 'go-to' };
    case 'Delete':
    case 'Backspace':
      return { type: 'clear' };
    case 'Escape':
      return { type: 'escape' };
    case ' ':
      if (isControl || shiftKey) {
        return { type: isControl ? 'select-column' : 'select-row' };
      }
      return { type: 'write' };
    default:
      return isControl && !(ctrlKey && altKey) ? controlCommand(key.toLowerCase(), shiftKey) : writes(key);
  }
}

function controlCommand(key: string, isShifted: boolean): KeyCommand | undefined {
  switch (key) {
    case 'z':
      return { type: isShifted ? 'redo' : 'undo' };
    case 'y':
      return { type: 'redo' };
    case 'd':
      return { type: 'fill-down' };
    case 'r':
      return isShifted ? undefined : { type: 'fill-right' };
    case 'a':
      return { type: 'select-all' };
    case 'g':
      return { type: 'go-to' };
    default:
      return undefined;
  }
}

/** One character, whatever it takes to type it; 'Process' and 'Dead' begin one that an input method makes. */
function writes(key: string): KeyCommand | undefined {
  return [...key].length === 1 || key === 'Process' || key === 'Dead' ? { type: 'write' } : undefined;
}
