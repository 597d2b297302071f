/**
 * What a browser can scroll against what there is to scroll: elements end at some 17 million pixels, 2^30 rows are 26 billion.
 *
 * The two are the same while they fit. Else the first and the last million pixels are, and what is between is drawn together.
 */
export const MAX_SCROLL_LENGTH = 12_000_000;
const EXACT = 1_000_000;

export interface ScrollMap {
  /** Of the element that is scrolled. */
  readonly scrollLength: number;
  readonly isExact: boolean;
  toOffset(scroll: number): number;
  toScroll(offset: number): number;
  /** The nearest offset that can be scrolled to. */
  clamp(offset: number): number;
}

/** @param length of everything @param viewport of it that is seen; both in pixels */
export function createScrollMap(length: number, viewport: number): ScrollMap {
  const scrollLength = Math.min(length, MAX_SCROLL_LENGTH);
  const offsets = Math.max(0, length - viewport);
  const scrolls = Math.max(0, scrollLength - viewport);
  const within = (value: number, end: number) => Math.min(end, Math.max(0, value));
  const clamp = (offset: number) => within(offset, offsets);
  if (offsets <= scrolls) {
    return { scrollLength, isExact: true, toOffset: clamp, toScroll: clamp, clamp };
  }
  const between = (value: number, from: number, to: number) => {
    if (value <= EXACT) {
      return within(value, to);
    }
    return value >= from - EXACT ? within(to - (from - value), to) : EXACT + ((value - EXACT) * (to - 2 * EXACT)) / (from - 2 * EXACT);
  };
  return {
    scrollLength,
    isExact: false,
    toOffset: (scroll) => between(scroll, scrolls, offsets),
    toScroll: (offset) => between(offset, offsets, scrolls),
    clamp,
  };
}
