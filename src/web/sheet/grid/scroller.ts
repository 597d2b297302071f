/**
 * Where a grid is scrolled to, kept by itself: an element's own scroll position is too short for a billion rows (see scroll-map.ts).
 *
 * Small moves of the element, those of a wheel or a finger, move by as many pixels. Large ones, those of a scroll bar, go to the same part of the
 * whole. Once it rests, the element is put where the scroll bar shows the truth.
 */
import { createScrollMap, type ScrollMap } from './scroll-map.ts';

/** A wheel moves less between two events, a scroll bar over a billion rows more. */
const LARGE_MOVE = 3_000;
const REST_MS = 150;

interface Side {
  map: ScrollMap;
  offset: number;
  /** Of the element, when it was last looked at. */
  scroll: number;
}

export interface Scroller {
  readonly x: number;
  readonly y: number;
  /** @param size in pixels of everything, and of what is seen of it */
  resize(size: { width: number; height: number; seenWidth: number; seenHeight: number }): void;
  scrollTo(to: { x?: number; y?: number }): void;
  /** After the element says that it was scrolled. @returns whether that moved anything */
  take(): boolean;
  close(): void;
}

export function createScroller(element: HTMLElement, spacer: HTMLElement): Scroller {
  const across: Side = { map: createScrollMap(0, 0), offset: 0, scroll: 0 };
  const down: Side = { map: createScrollMap(0, 0), offset: 0, scroll: 0 };
  let resting: ReturnType<typeof setTimeout> | undefined;

  function settle(): void {
    element.scrollLeft = across.map.toScroll(across.offset);
    element.scrollTop = down.map.toScroll(down.offset);
    across.scroll = element.scrollLeft;
    down.scroll = element.scrollTop;
  }

  function moved(side: Side, scroll: number, end: number): boolean {
    const move = scroll - side.scroll;
    const before = side.offset;
    side.scroll = scroll;
    if (move === 0) {
      return false;
    }
    const isFar = side.map.isExact || Math.abs(move) > LARGE_MOVE || scroll <= 0 || scroll >= end - 1;
    side.offset = isFar ? side.map.toOffset(scroll) : side.map.clamp(side.offset + move);
    return side.offset !== before;
  }

  return {
    get x() {
      return across.offset;
    },
    get y() {
      return down.offset;
    },
    resize({ width, height, seenWidth, seenHeight }) {
      across.map = createScrollMap(width, seenWidth);
      down.map = createScrollMap(height, seenHeight);
      spacer.style.width = `${across.map.scrollLength}px`;
      spacer.style.height = `${down.map.scrollLength}px`;
      across.offset = across.map.clamp(across.offset);
      down.offset = down.map.clamp(down.offset);
      settle();
    },
    scrollTo({ x = across.offset, y = down.offset }) {
      across.offset = across.map.clamp(x);
      down.offset = down.map.clamp(y);
      settle();
    },
    take() {
      const isAcross = moved(across, element.scrollLeft, element.scrollWidth - element.clientWidth);
      const isDown = moved(down, element.scrollTop, element.scrollHeight - element.clientHeight);
      clearTimeout(resting);
      if (!across.map.isExact || !down.map.isExact) {
        resting = setTimeout(settle, REST_MS);
      }
      return isAcross || isDown;
    },
    close: () => clearTimeout(resting),
  };
}
