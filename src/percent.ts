/** Whole percent of a fraction, never more than there is: 0.29 is 29, whatever 0.29 * 100 is in binary, and 0.999 is 99. */
export const percentOf = (fraction: number): number => Math.floor(Math.round(fraction * 1e9) / 1e7);
