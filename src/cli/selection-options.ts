/** The options that say which units of work are meant, the same for listing, redriving and discarding. */
import type { Command } from 'commander';
import type { WorkSelection } from '../work/select.ts';
import { parseDuration } from './parse-option.ts';

export interface SelectionOptions {
  group?: string;
  workflow?: string;
  log?: string;
  error?: string;
  fingerprint?: string;
  age?: number;
}

export function addSelectionOptions(command: Command): void {
  command
    .option('--group <group>', 'of this log type, subscription or job only')
    .option('--workflow <name>', 'of this workflow only: snapshot, compact, your own')
    .option('--log <log>', 'asked for by an entry of this log')
    .option('--fingerprint <hash>', "dead units whose error has this fingerprint: see 'tidemark work --errors'")
    .option('--error <text>', "whose error's code or message holds this")
    .option('--age <duration>', 'that ended, or else were added, at least this long ago: 90s, 10m, 2h, 7d', parseDuration);
}

export function selectionOf(ids: readonly string[], { age, ...options }: SelectionOptions): WorkSelection {
  const { group, workflow, log, error, fingerprint } = options;
  return {
    ...(ids.length > 0 ? { ids } : {}),
    ...(group === undefined ? {} : { group }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(log === undefined ? {} : { log }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(error === undefined ? {} : { error }),
    ...(age === undefined ? {} : { olderThanMs: age }),
  };
}
