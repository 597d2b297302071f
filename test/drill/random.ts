/** Choices that a seed repeats. Each part of the drill forks a generator of its own, so that the timing of one does not change the choices of another. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** Both bounds included. */
  integer(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Waiting times of events that know nothing of each other; at most four times the mean. */
  waitMs(meanMs: number): number;
  fork(name: string): Random;
}

/** mulberry32. @param seed 32 bits, unsigned */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]) => items[integer(0, items.length - 1)] as T,
    waitMs: (meanMs) => Math.min(-Math.log(1 - next()) * meanMs, 4 * meanMs),
    fork(name) {
      let hash = 0x811c9dc5 ^ seed;
      for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
      return createRandom(hash);
    },
  };
}
