/** Where rows or columns lie along one direction, in pixels: all of one size, but for those that were made another. */
export interface Axis {
  readonly count: number;
  /** Pixels of all together. */
  readonly length: number;
  sizeOf(index: number): number;
  offsetOf(index: number): number;
  /** The one at this offset; the first or last one outside. */
  indexAt(offset: number): number;
}

export interface AxisOptions {
  count: number;
  size: number;
  sizes?: ReadonlyMap<number, number>;
}

export function createAxis({ count, size, sizes = new Map() }: AxisOptions): Axis {
  const others = [...sizes].filter(([index]) => index < count).sort(([one], [other]) => one - other);

  function offsetOf(index: number): number {
    let offset = index * size;
    for (const [other, itsSize] of others) {
      if (other >= index) {
        break;
      }
      offset += itsSize - size;
    }
    return offset;
  }

  function indexAt(offset: number): number {
    let extra = 0;
    for (const [index, itsSize] of others) {
      const start = index * size + extra;
      if (offset < start) {
        break;
      }
      if (offset < start + itsSize) {
        return index;
      }
      extra += itsSize - size;
    }
    return Math.min(count - 1, Math.max(0, Math.floor((offset - extra) / size)));
  }

  return { count, length: offsetOf(count), sizeOf: (index) => sizes.get(index) ?? size, offsetOf, indexAt };
}
