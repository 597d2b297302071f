/** The options that say which units of work are meant, the same for listing, redriving and discarding. */
import type { Command } from 'commander';
import type { WorkSelection } from '../work/select.ts';
import { parseDuration } from './parse-option.ts';

export interface SelectionOptions {
  group?: string;
  error?: string;
  age?: number;
}

export function addSelectionOptions(command: Command): void {
  command
    .option('--group <group>', 'of this log type, subscription or job only')
    .option('--error <text>', "whose error's code or message holds this")
    .option('--age <duration>', 'that ended, or else were added, at least this long ago: 90s, 10m, 2h, 7d', parseDuration);
}

export function selectionOf(ids: readonly string[], { group, error, age }: SelectionOptions): WorkSelection {
  return {
    ...(ids.length > 0 ? { ids } : {}),
    ...(group === undefined ? {} : { group }),
    ...(error === undefined ? {} : { error }),
    ...(age === undefined ? {} : { olderThanMs: age }),
  };
}
