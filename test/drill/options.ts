import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { errorMessage, InvalidInputError } from '../../src/errors.ts';

export interface DrillOptions {
  /** How long things are killed; starting and settling come on top. */
  minutes: number;
  seed: number;
  /** One JSON object on stdout at the end; what goes on meanwhile to stderr. */
  json: boolean;
  /** Keep the data of a drill without findings too. */
  keep: boolean;
  /** Where the blobs are. */
  blobs: 'folder' | 's3';
}

const MAX_SEED = 2 ** 32 - 1;

/** @throws InvalidInputError */
export function parseDrillOptions(args: readonly string[]): DrillOptions {
  let values: { minutes?: string; seed?: string; json?: boolean; keep?: boolean; blobs?: string };
  try {
    values = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'boolean' },
        keep: { type: 'boolean' },
        blobs: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new InvalidInputError(
      `${errorMessage(error).replace(/\.?$/, '.')} Use: npm run drill -- --minutes N [--seed S] [--json] [--keep] [--blobs folder|s3]`,
    );
  }
  const { minutes = '1', seed = String(randomInt(MAX_SEED)), json = false, keep = false, blobs = 'folder' } = values;
  if (!(Number(minutes) > 0 && Number(minutes) <= 24 * 60)) {
    throw new InvalidInputError(`--minutes ${minutes} cannot be used: give a number over 0, at most ${24 * 60}.`);
  }
  if (!/^\d{1,10}$/.test(seed) || Number(seed) > MAX_SEED) {
    throw new InvalidInputError(`--seed ${seed} cannot be used: give a whole number from 0 to ${MAX_SEED}.`);
  }
  if (blobs !== 'folder' && blobs !== 's3') {
    throw new InvalidInputError(`--blobs ${blobs} cannot be used: give folder or s3.`);
  }
  return { minutes: Number(minutes), seed: Number(seed), json, keep, blobs };
}
