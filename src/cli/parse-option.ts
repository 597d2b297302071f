/** Values of options; what they refuse is wrong usage (exit code 2). */
import { InvalidArgumentError } from 'commander';
import { durationMs } from '../duration.ts';

/** '90s', '10m', '2h', '7d' → milliseconds. */
export function parseDuration(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined) {
    throw new InvalidArgumentError('Use a whole number and a unit: 90s, 10m, 2h or 7d.');
  }
  return ms;
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

/** ISO 8601 with an offset: without one it would mean another time on each machine. */
export function parseTime(text: string): Date {
  const time = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError('Use a time in ISO 8601 with its offset: 2026-11-22T10:00:00Z, or 2026-11-22T10:00:00+01:00.');
  }
  return time;
}

/** Of a job: lower first. */
export function parsePriority(text: string): number {
  const value = /^-?\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(value) <= 100)) {
    throw new InvalidArgumentError('Use a whole number from -100 to 100: lower first.');
  }
  return value;
}

export function parseSequenceIdOption(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) {
    throw new InvalidArgumentError('Use a sequence id: a whole number from 0.');
  }
  return BigInt(text);
}

/** 'a,b' → ['a', 'b']. */
export function parseNames(text: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) {
    throw new InvalidArgumentError('Use names with commas between them.');
  }
  return names;
}
