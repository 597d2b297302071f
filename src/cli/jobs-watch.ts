/**
 * Looks at a job until it has ended: on a terminal a bar that moves, else a line for each change, with --json a line of JSON. Exit code 0 where it is done,
 * 1 where it is dead, cancelled or expired, 4 where that cannot be told.
 */
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { JobNotFoundError } from '../errors.ts';
import type { JobStatus } from '../jobs/read-job.ts';
import type { Tidemark } from '../tidemark.ts';
import { formatProgress } from './jobs-list.ts';
import { OutcomeUnknownError } from './outcome-unknown-error.ts';
import { formatJson, print, visibleLine } from './print.ts';
import { checkJobIds } from './usage-error.ts';
import { withTidemark } from './with-tidemark.ts';

export function addJobsWatch(jobs: Command): void {
  jobs
    .command('watch')
    .description('show the progress of a job until it has ended; exit code 1 where it is not done then, 4 where that cannot be told')
    .argument('<id>', 'such as report:2026-11')
    .option('--json', 'a line of JSON for each change')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tidemark jobs watch report:2026-11\n  $ tidemark jobs watch report:2026-11 --json | jq .progress.fraction',
    )
    .action(async (id: string, { json = false }: { json?: boolean }) => {
      checkJobIds([id]);
      await withTidemark({}, ({ tidemark }) => watchJob(tidemark, id, json));
    });
}

/** @throws JobNotFoundError; OutcomeUnknownError where it cannot be looked at any more */
export async function watchJob(tidemark: Pick<Tidemark, 'job'>, id: string, json: boolean): Promise<void> {
  const shows = await createShow(id, json);
  let last: JobStatus | undefined;
  try {
    for await (const status of tidemark.job(id).follow()) {
      last = status;
      shows.change(status);
    }
  } catch (error) {
    throw error instanceof JobNotFoundError && last === undefined ? error : new OutcomeUnknownError(id, error);
  } finally {
    shows.end(last);
  }
  if (last?.state !== 'done') process.exitCode = 1;
}

interface Show {
  change(status: JobStatus): void;
  end(status: JobStatus | undefined): void;
}

async function createShow(id: string, json: boolean): Promise<Show> {
  if (json) {
    return { change: ({ output: _, ...status }) => print(formatJson(status)), end() {} };
  }
  const { createScreen } = await import('./screen.ts');
  const { ci } = loadConfig();
  if (!process.stderr.isTTY || ci) {
    return { change: onlyNew((text) => print(`${visibleLine(id)} ${text}`)), end: printEnd };
  }
  const activity = createScreen({ output: process.stderr, ci }).begin(id);
  return {
    change: (status) => activity.update(`${id} ${textOf(status)}`, status.progress?.fraction),
    end(status) {
      activity.clear();
      if (status) print(`${visibleLine(id)} ${textOf(status)}`);
      printEnd(status);
    },
  };
}

function onlyNew(say: (text: string) => void): (status: JobStatus) => void {
  let last = '';
  return (status) => {
    const text = textOf(status);
    if (text !== last) say(text);
    last = text;
  };
}

function textOf({ state, position, attempt, progress, error }: JobStatus): string {
  const more =
    state === 'waiting'
      ? position
        ? `, ${position} before it`
        : ''
      : state === 'running' && attempt > 1
        ? `, attempt ${attempt}`
        : state === 'dead'
          ? `: ${error?.code}: ${error?.message}`
          : '';
  const news = state === 'dead' ? '' : formatProgress(progress);
  return visibleLine(`${state}${more}${news === '' ? '' : ` ${news}`}`);
}

function printEnd(status: JobStatus | undefined): void {
  if (status?.state === 'done' && status.result !== undefined) print(formatJson(status.result));
}
