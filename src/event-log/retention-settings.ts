/** What a log keeps of its snapshots: settings of a log type, of a log, of the command. */
import { InvalidInputError } from '../errors.ts';

export interface RetentionSettings {
  /** How many of the newest snapshots are kept: at least 1. */
  keepSnapshots?: number | undefined;
  /** For how many days, today included, the last snapshot of each day is kept: 0 for none. */
  keepDays?: number | undefined;
}

export const DEFAULT_RETENTION = { keepSnapshots: 10, keepDays: 30 };

export const MAX_KEEP = 2 ** 31 - 1;

/** @param owner whose they are, for the message. @throws InvalidInputError */
export function checkRetention(owner: string, { keepSnapshots, keepDays }: RetentionSettings): void {
  check(owner, 'keepSnapshots', keepSnapshots, 1);
  check(owner, 'keepDays', keepDays, 0);
}

function check(owner: string, name: string, value: number | undefined, least: number): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= MAX_KEEP)) {
    throw new InvalidInputError(`${name} ${value} of ${owner} cannot be used: give a whole number from ${least}.`);
  }
}
