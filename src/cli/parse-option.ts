/** Values of options; what they refuse is wrong usage (exit code 2). */
import { InvalidArgumentError } from 'commander';

const UNITS = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** '90s', '10m', '2h', '7d' → milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})(ms|s|min|m|h|d)$/.exec(text);
  if (!match) {
    throw new InvalidArgumentError('Use a whole number and a unit: 90s, 10m, 2h or 7d.');
  }
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}

export function parseWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Use a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

export function parseSequenceIdOption(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) {
    throw new InvalidArgumentError('Use a sequence id: a whole number from 0.');
  }
  return BigInt(text);
}
