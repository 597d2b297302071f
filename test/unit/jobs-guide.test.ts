/** docs/guides/add-a-job.md names every option of a job and of enqueue, and for each a test that shows it. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { JobDefinition } from '../../src/jobs/define-job.ts';
import type { EnqueueOptions } from '../../src/jobs/enqueue.ts';

/** Complete, or it does not compile. */
const JOB_OPTIONS: Record<keyof JobDefinition<unknown, unknown>, true> = {
  name: true,
  input: true,
  output: true,
  handler: true,
  retry: true,
  keep: true,
  deadlineMs: true,
  concurrency: true,
  rateLimit: true,
  maxWaitingPerActor: true,
  authorize: true,
};
const ENQUEUE_OPTIONS: Record<keyof EnqueueOptions, true> = {
  id: true,
  priority: true,
  notBefore: true,
  fairnessKey: true,
  dedupe: true,
  actor: true,
  correlationId: true,
  causationId: true,
};

const folder = (path: string) => new URL(`../../${path}/`, import.meta.url);
const guide = readFileSync(new URL('guides/add-a-job.md', folder('docs')), 'utf8');

/** Rows of the table below a heading: the names in the first column, and the last column. */
function optionTable(heading: string): { options: string[]; shownBy: string }[] {
  const section = guide.slice(guide.indexOf(`\n## ${heading}\n`)).split('\n## ')[1] as string;
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => {
    const cells = row.slice(2, -2).split(' | ');
    return { options: [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name as string), shownBy: cells.at(-1) as string };
  });
}

const titles = readdirSync(folder('test/int'))
  .filter((name) => /^jobs?\b.*\.test\.ts$/.test(name))
  .flatMap((name) => [...readFileSync(new URL(name, folder('test/int')), 'utf8').matchAll(/\btest\(\s*(['"`])(.+?)\1,/gs)])
  .map(([, , title]) => title as string);

test.each([
  ['Options of a job', JOB_OPTIONS],
  ['Options of enqueue', ENQUEUE_OPTIONS],
])('the table of "%s" has every option once, each with a test that there is', (heading, options) => {
  const table = optionTable(heading);
  expect(table.flatMap((row) => row.options).sort()).toEqual(Object.keys(options).sort());
  expect(table.map(({ shownBy }) => shownBy).filter((title) => !titles.includes(title))).toEqual([]);
});
