import type { Command } from 'commander';
import { executionUrl } from '../execution-url.ts';
import type { JobStatus } from '../jobs/read-job.ts';
import { formatProgress } from './jobs-list.ts';
import { formatJson, print, visibleLine } from './print.ts';
import type { Targets } from './targets.ts';
import { checkJobIds } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

export function addJobsShow(jobs: Command): void {
  jobs
    .command('show')
    .description('show jobs with their input, attempts, output and result')
    .argument('<ids...>', 'such as report:2026-11')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  $ tidemark jobs show report:2026-11')
    .action(runShow);
}

async function runShow(ids: string[], { json }: { json?: boolean }): Promise<void> {
  checkJobIds(ids);
  const { readJob } = await import('../jobs/read-job.ts');
  await withDatabase(async ({ db, targets }) => {
    for (const id of ids) {
      const job = await readJob(db, id);
      print(json ? formatJson(job) : formatJob(job, targets));
    }
  });
}

/** Below what it belongs to, so that no line of a message looks like one of ours. */
const CONTINUED = `\n${' '.repeat(14)}`;

function formatJob(job: JobStatus, { uiUrl, temporal }: Targets): string {
  const { state, position, notBefore, begunAt, finishedAt, actor, error, result, execution } = job;
  const lines = [
    visibleLine(job.id),
    `  state       ${state}${position === undefined ? '' : `, ${position} before it`}, attempt ${job.attempt}, priority ${job.priority}`,
    `  enqueued    ${job.enqueuedAt.toISOString()}${actor === undefined ? '' : ` by ${visibleLine(actor)}`}`,
  ];
  if (notBefore && notBefore.getTime() > Date.now()) lines.push(`  not before  ${notBefore.toISOString()}`);
  if (begunAt) lines.push(`  last begun  ${begunAt.toISOString()}`);
  if (finishedAt) lines.push(`  ended       ${finishedAt.toISOString()}`);
  if (job.progress) lines.push(`  progress    ${formatProgress(job.progress)}`);
  lines.push(`  input       ${formatJson(job.input ?? null)}`);
  for (const { attempt, failedAt, error: failed } of job.attempts) {
    lines.push(
      `  attempt ${String(attempt).padEnd(4)}failed at ${failedAt.toISOString()}: ${failed.code}: ${failed.message}`.replaceAll(
        '\n',
        CONTINUED,
      ),
    );
  }
  if (error?.stack && state !== 'done') lines.push(`  stack       ${error.stack}`.replaceAll('\n', CONTINUED));
  for (const { at, level, text, fields } of job.output) {
    lines.push(`  output      ${at.toISOString()} ${level} ${visibleLine(text)}${fields ? ` ${formatJson(fields)}` : ''}`);
  }
  if (result !== undefined) lines.push(`  result      ${formatJson(result)}`);
  if (execution !== undefined) lines.push(`  execution   ${uiUrl ? executionUrl(uiUrl, temporal.namespace, execution) : execution}`);
  return lines.join('\n');
}
