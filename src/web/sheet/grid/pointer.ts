/** What a mouse or a finger does to a grid: select, drag a selection, take whole rows and columns, make a column wider, begin to edit. */
import type { Axis } from './axis.ts';
import type { Place } from './selection.ts';

export interface GridPlace {
  kind: 'cell' | 'row' | 'column' | 'corner' | 'column-edge';
  place: Place;
}

export interface GridGeometry {
  rows: Axis;
  columns: Axis;
  headWidth: number;
  headHeight: number;
  x: number;
  y: number;
}

export interface PointerActions {
  geometry(): GridGeometry;
  /** @param isExtended to there, from where the selection began */
  onSelect(at: GridPlace, isExtended: boolean): void;
  onEdit(place: Place): void;
  onResize(column: number, width: number): void;
  scrollBy(by: { x: number; y: number }): void;
}

const EDGE = 5;
const MIN_WIDTH = 32;
const MAX_WIDTH = 800;

function placeAt({ rows, columns, headWidth, headHeight, x, y }: GridGeometry, left: number, top: number): GridPlace {
  const [right, down] = [left - headWidth + x, top - headHeight + y];
  const place = { row: rows.indexAt(down), column: columns.indexAt(right) };
  if (left < headWidth && top < headHeight) {
    return { kind: 'corner', place };
  }
  if (top < headHeight) {
    const start = columns.offsetOf(place.column);
    if (right - start < EDGE && place.column > 0) {
      return { kind: 'column-edge', place: { ...place, column: place.column - 1 } };
    }
    return { kind: start + columns.sizeOf(place.column) - right < EDGE ? 'column-edge' : 'column', place };
  }
  return { kind: left < headWidth ? 'row' : 'cell', place };
}

/** @param area that shows the grid, without scroll bars. @returns ends it */
export function followPointer(area: HTMLElement, { geometry, onSelect, onEdit, onResize, scrollBy }: PointerActions): () => void {
  const controller = new AbortController();
  const { signal } = controller;

  function at(event: { clientX: number; clientY: number }): { left: number; top: number } {
    const bounds = area.getBoundingClientRect();
    return { left: event.clientX - bounds.left, top: event.clientY - bounds.top };
  }

  function drag(event: PointerEvent, onMove: (event: PointerEvent) => void): void {
    area.setPointerCapture(event.pointerId);
    const ends = new AbortController();
    const options = { signal: AbortSignal.any([signal, ends.signal]) };
    let last = event;
    // Held outside, it goes on without moving.
    const timer = setInterval(() => scrollTowards(last) && onMove(last), 50);
    ends.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    area.addEventListener(
      'pointermove',
      (moved) => {
        last = moved;
        onMove(moved);
      },
      options,
    );
    for (const end of ['pointerup', 'pointercancel'] as const) {
      area.addEventListener(end, () => ends.abort(), options);
    }
  }

  function scrollTowards(event: PointerEvent): boolean {
    const { left, top } = at(event);
    const { headWidth, headHeight } = geometry();
    const beyond = (value: number, from: number, to: number) => (value < from ? value - from : value > to ? value - to : 0);
    const by = { x: beyond(left, headWidth, area.clientWidth), y: beyond(top, headHeight, area.clientHeight) };
    if (by.x !== 0 || by.y !== 0) {
      scrollBy(by);
      return true;
    }
    return false;
  }

  function select(found: GridPlace, event: PointerEvent): void {
    onSelect(found, event.shiftKey);
    drag(event, (moved) => {
      const { left, top } = at(moved);
      const { place } = placeAt(geometry(), Math.max(left, geometry().headWidth), Math.max(top, geometry().headHeight));
      onSelect({ kind: found.kind, place }, true);
    });
  }

  function resize(column: number, event: PointerEvent): void {
    const width = geometry().columns.sizeOf(column);
    drag(event, (moved) => onResize(column, Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, Math.round(width + moved.clientX - event.clientX)))));
  }

  area.addEventListener(
    'pointerdown',
    (event) => {
      // A finger scrolls; what it taps comes as a click.
      if (event.button !== 0 || event.pointerType === 'touch') {
        return;
      }
      const { left, top } = at(event);
      const found = placeAt(geometry(), left, top);
      if (found.kind === 'column-edge') {
        resize(found.place.column, event);
      } else {
        select(found, event);
      }
    },
    { signal },
  );
  area.addEventListener(
    'click',
    (event) => {
      if ((event as PointerEvent).pointerType === 'touch') {
        const { left, top } = at(event);
        onSelect(placeAt(geometry(), left, top), false);
      }
    },
    { signal },
  );
  area.addEventListener(
    'dblclick',
    (event) => {
      const { left, top } = at(event);
      const found = placeAt(geometry(), left, top);
      if (found.kind === 'cell') {
        onEdit(found.place);
      }
    },
    { signal },
  );
  area.addEventListener(
    'pointermove',
    (event) => {
      const { left, top } = at(event);
      area.classList.toggle('is-resizing', placeAt(geometry(), left, top).kind === 'column-edge');
    },
    { signal },
  );
  return () => controller.abort();
}
