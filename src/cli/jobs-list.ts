import type { Command } from 'commander';
import type { JobProgress } from '../jobs/job-progress.ts';
import type { JobSummary } from '../jobs/read-job.ts';
import { percentOf } from '../percent.ts';
import { parseShownState } from '../work/select.ts';
import { parseWhole } from './parse-option.ts';
import { formatCount, formatDuration, formatJson, formatTable, print, visibleLine } from './print.ts';
import { asUsage } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface ListOptions {
  state?: string;
  name?: string;
  actor?: string;
  limit: number;
  before?: string;
  json?: boolean;
}

export function addJobsList(jobs: Command): void {
  jobs
    .command('list')
    .description('list jobs, newest first')
    .option('--state <state>', 'in this state only')
    .option('--name <name>', 'of this name only')
    .option('--actor <actor>', 'enqueued by them only')
    .option('--limit <count>', 'jobs to show', parseWhole(1, 1_000), 50)
    .option('--before <next>', 'go on where an earlier page ended')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  $ tidemark jobs list --state dead --name report\n  $ tidemark jobs list --json --limit 1000')
    .action(runList);
}

async function runList({ state, json, ...options }: ListOptions): Promise<void> {
  const { listJobs } = await import('../jobs/list-jobs.ts');
  const shown = state === undefined ? {} : { state: asUsage(() => parseShownState(state)) };
  await withDatabase(async ({ db }) => {
    const page = await listJobs(db, { ...options, ...shown });
    if (json) {
      print(formatJson({ ...page, jobs: page.jobs.map(withoutWhatIsLarge) }));
      return;
    }
    print(page.jobs.length === 0 ? 'No jobs.' : formatTable(['job', 'state', 'attempt', 'since', 'by', 'news'], page.jobs.map(rowOf)));
    if (page.next) print(`More: --before '${page.next}'`);
  });
}

/** As REST lists it: results and stacks are what 'tidemark jobs show' has. */
function withoutWhatIsLarge({ result: _, error, ...job }: JobSummary): JobSummary {
  return { ...job, ...(error ? { error: { code: error.code, message: error.message } } : {}) };
}

function rowOf({ id, state, attempt, actor, error, progress, finishedAt, begunAt, enqueuedAt }: JobSummary): (string | number)[] {
  const since = formatDuration(Math.max(Date.now() - (finishedAt ?? begunAt ?? enqueuedAt).getTime(), 0));
  const news = state === 'dead' && error ? `${error.code}: ${error.message}` : formatProgress(progress);
  return [id, state, attempt, since, actor ?? '', news.slice(0, 100)];
}

/** '25 % reading (rows 1,000)', on one line. */
export function formatProgress({ fraction, message, counts }: JobProgress = {}): string {
  const parts = [
    fraction === undefined ? '' : `${percentOf(fraction)} %`,
    message ?? '',
    counts === undefined
      ? ''
      : `(${Object.entries(counts)
          .map(([name, count]) => `${name} ${Number.isInteger(count) ? formatCount(count) : count}`)
          .join(', ')})`,
  ];
  return visibleLine(parts.filter((part) => part !== '' && part !== '()').join(' '));
}
