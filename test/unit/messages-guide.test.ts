/** docs/guides/messages.md names every option of a worker and of a message, and for each a test that shows it. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { AnyWorker } from '../../src/messages/define-worker.ts';
import type { PublishOptions } from '../../src/messages/publish.ts';

/** Complete, or it does not compile. */
const WORKER_OPTIONS: Record<keyof AnyWorker, true> = {
  subscription: true,
  topic: true,
  handler: true,
  parseMessage: true,
  batch: true,
  maxMessages: true,
  ackDeadlineMs: true,
  rateLimit: true,
  retry: true,
  deadLetter: true,
  enableMessageOrdering: true,
  onPoison: true,
  messageTtlMs: true,
  expirationPolicy: true,
};
const PUBLISH_OPTIONS: Record<keyof PublishOptions, true> = {
  orderingKey: true,
  dedupeKey: true,
  notBefore: true,
  messageTtlMs: true,
  attributes: true,
  actor: true,
  correlationId: true,
  causationId: true,
};

const folder = (path: string) => new URL(`../../${path}/`, import.meta.url);
const guide = readFileSync(new URL('guides/messages.md', folder('docs')), 'utf8');

/** Rows of the table below a heading: the names in the first column, and the last column. */
function optionTable(heading: string): { options: string[]; shownBy: string }[] {
  const section = guide.slice(guide.indexOf(`\n## ${heading}\n`)).split('\n## ')[1] as string;
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => {
    const cells = row.slice(2, -2).split(' | ');
    return { options: [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name as string), shownBy: cells.at(-1) as string };
  });
}

const titles = ['test/int', 'test/e2e', 'test/unit']
  .flatMap((path) => readdirSync(folder(path)).map((name) => new URL(name, folder(path))))
  .filter(({ pathname }) => pathname.endsWith('.test.ts') && !pathname.endsWith('messages-guide.test.ts'))
  .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/\btest\(\s*(['"`])(.+?)\1,/gs)].map(([, , title]) => title as string));

test.each([
  ['Publishing', PUBLISH_OPTIONS],
  ['Options of a worker', WORKER_OPTIONS],
])('the table of "%s" has every option once, each with a test that there is', (heading, options) => {
  const table = optionTable(heading);
  expect(table.flatMap((row) => row.options).sort()).toEqual(Object.keys(options).sort());
  expect(table.map(({ shownBy }) => shownBy).filter((title) => !titles.includes(title))).toEqual([]);
});
