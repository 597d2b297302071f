/** Enqueues a job, or lets one that waits go first. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { UnknownJobError } from '../errors.ts';
import type { EnqueueOptions } from '../jobs/enqueue.ts';
import { decideById } from './decide-by-id.ts';
import { watchJob } from './jobs-watch.ts';
import { ownName } from './own-name.ts';
import { parseDuration, parsePriority } from './parse-option.ts';
import { formatJson, print, visibleLine } from './print.ts';
import { checkJobIds, UsageError } from './usage-error.ts';
import { withTidemark } from './with-tidemark.ts';

const EXAMPLES = `
Examples:
  $ tidemark jobs run report --input '{"month":"2026-11"}'
  $ tidemark jobs run report --input @november.json --wait      exit code 1 where it is not done in the end, 4 where that cannot be told
  $ tidemark jobs run report --id 2026-11 --in 2h
  $ tidemark jobs run report:2026-11 --now                      before all others of its name

Jobs are those of the app: tidemark.config.{js,mjs,ts} here, or --app.`;

interface RunOptions {
  now?: boolean;
  input?: string;
  id?: string;
  priority?: number;
  in?: number;
  actor?: string;
  app?: string;
  wait?: boolean;
  json?: boolean;
}

export function addJobsRun(jobs: Command): void {
  jobs
    .command('run')
    .description('enqueue a job by its name; or, with --now and ids, let jobs that wait go first')
    .argument('<names or ids...>', 'a name, or with --now ids')
    .option('--now', 'they wait already: let them go first')
    .option('--input <json>', 'what it takes, as JSON, or @file')
    .option('--id <id>', 'within 7 days the same id is the same job')
    .option('--priority <priority>', 'from -100 to 100, lower first', parsePriority)
    .option('--in <duration>', 'does not begin before: 90s, 10m, 2h, 7d', parseDuration)
    .option('--actor <actor>', 'who enqueues it (default: your name on this machine)')
    .option('--app <file>', 'the file whose default export is the application')
    .option('--wait', 'show its progress until it has ended')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(names: string[], options: RunOptions): Promise<void> {
  const { now, app, wait, json = false } = options;
  const ofNew = ['input', 'id', 'priority', 'in', 'actor', 'app', 'wait'] as const;
  const surplus = ofNew.find((name) => options[name] !== undefined);
  if (now && surplus !== undefined) {
    throw new UsageError(`--now is about jobs that wait already: leave --${surplus} out.`);
  }
  if (now) {
    await runNow(names, json);
    return;
  }
  const [name = '', ...others] = names;
  if (others.length > 0 || name.includes(':')) {
    throw new UsageError(`Give one name of a job, or ids with --now; '${names.join(' ').slice(0, 120)}' is neither.`);
  }
  const input = options.input === undefined ? undefined : parseInput(options.input);
  await withTidemark({ app, needsApp: true }, async ({ tidemark }) => {
    const job = tidemark.registry.jobs.get(name);
    if (job === undefined) {
      throw new UnknownJobError(name, [...tidemark.registry.jobs.keys()]);
    }
    const { id, answer } = await tidemark.enqueue(job, input, enqueueOptions(options));
    if (wait) {
      await watchJob(tidemark, id, json);
    } else {
      print(json ? formatJson({ id, answer }) : answer === 'ignored' ? `${visibleLine(id)} is there already.` : visibleLine(id));
    }
  });
}

function enqueueOptions({ id, priority, in: inMs, actor = ownName() }: RunOptions): EnqueueOptions {
  return {
    actor,
    ...(id === undefined ? {} : { id }),
    ...(priority === undefined ? {} : { priority }),
    ...(inMs === undefined ? {} : { notBefore: new Date(Date.now() + inMs) }),
  };
}

async function runNow(ids: readonly string[], json: boolean): Promise<void> {
  checkJobIds(ids);
  await withTidemark({}, ({ tidemark }) =>
    decideById(ids, {
      decide: (id) => tidemark.job(id).runNow(),
      say: (id, changed) => (changed ? `${id} goes first.` : `${id} does not wait: left as it is.`),
      json,
    }),
  );
}

function parseInput(text: string): unknown {
  const file = text.startsWith('@') ? text.slice(1) : undefined;
  try {
    return JSON.parse(file === undefined ? text : readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--input ${file === undefined ? 'is no JSON' : `@${file} cannot be read as JSON`}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
