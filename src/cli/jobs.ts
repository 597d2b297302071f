import type { Command } from 'commander';
import { addJobsDecide } from './jobs-decide.ts';
import { addJobsList } from './jobs-list.ts';
import { addJobsRun } from './jobs-run.ts';
import { addJobsShow } from './jobs-show.ts';
import { addJobsWatch } from './jobs-watch.ts';

const EXAMPLES = `
Examples:
  $ tidemark jobs list --state running               with their progress
  $ tidemark jobs show report:2026-11                its input, attempts with errors, output and result
  $ tidemark jobs watch report:2026-11               its progress, until it has ended
  $ tidemark jobs run report --input '{"month":"2026-11"}' --wait
  $ tidemark jobs run report:2026-11 --now           before all others of its name
  $ tidemark jobs cancel report:2026-11
  $ tidemark jobs redrive --name report              which dead ones would run again (--yes: run them)

The id of a job is <name>:<id>. States: waiting, running, done, dead, cancelled, expired.`;

export function addJobs(program: Command): void {
  const jobs = program.command('jobs').description('look at jobs, watch them; cancel, redrive and run them').addHelpText('after', EXAMPLES);
  addJobsList(jobs);
  addJobsShow(jobs);
  addJobsWatch(jobs);
  addJobsRun(jobs);
  addJobsDecide(jobs);
}
