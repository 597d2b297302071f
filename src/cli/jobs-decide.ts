/** Cancel and redrive: ids at once; those that a selection means are counted first, and it is done with --yes. */
import type { Command } from 'commander';
import type { JobSelection } from '../jobs/list-jobs.ts';
import { parseShownState, type ShownState } from '../work/select.ts';
import { decideById } from './decide-by-id.ts';
import { ownName } from './own-name.ts';
import { formatCount, formatJson, print } from './print.ts';
import { asUsage, checkJobIds, UsageError } from './usage-error.ts';
import { type TidemarkContext, withTidemark } from './with-tidemark.ts';

type Verb = 'cancel' | 'redrive';

const VERBS = {
  cancel: {
    meaning: 'cancel jobs, wherever they are',
    states: ['waiting', 'running'],
    done: 'Cancelled',
    not: 'has ended, or is not there',
    more: 'From then on a running attempt changes nothing; its handler hears of it within a second or two.',
  },
  redrive: {
    meaning: 'run dead jobs again, without the steps that they have finished',
    states: ['dead'],
    done: 'Redriven',
    not: 'is not dead',
    more: 'Each has all its attempts again, in a new epoch.',
  },
} as const;

interface DecideOptions {
  name?: string;
  actor?: string;
  state?: string;
  yes?: boolean;
  json?: boolean;
}

export function addJobsDecide(jobs: Command): void {
  for (const verb of Object.keys(VERBS) as Verb[]) {
    const { meaning, states, more } = VERBS[verb];
    jobs
      .command(verb)
      .description(meaning)
      .argument('[ids...]', 'these jobs')
      .option('--name <name>', 'all of this name')
      .option('--actor <actor>', 'all enqueued by them')
      .option('--state <state>', `all that are ${states.join(' or ')}`)
      .option('--yes', 'do it, where no ids say which')
      .option('--json', 'print as JSON')
      .addHelpText(
        'after',
        `\nExamples:\n  $ tidemark jobs ${verb} report:2026-11\n  $ tidemark jobs ${verb} --name report --actor ann        counts first\n  $ tidemark jobs ${verb} --state ${states[0]} --yes\n\n${more}`,
      )
      .action((ids: string[], options: DecideOptions) => decide(verb, ids, options));
  }
}

async function decide(verb: Verb, ids: string[], { state, yes = false, json = false, ...of }: DecideOptions): Promise<void> {
  const states: readonly ShownState[] = VERBS[verb].states;
  const shown = state === undefined ? undefined : asUsage(() => parseShownState(state));
  if (shown !== undefined && !states.includes(shown)) {
    throw new UsageError(
      `Only jobs that are ${states.join(' or ')} can be ${VERBS[verb].done.toLowerCase()}, not those that are ${shown}.`,
    );
  }
  const selection: JobSelection = { ...of, ...(shown === undefined ? {} : { state: shown }) };
  const says = Object.keys(selection).length > 0;
  if (ids.length > 0 ? says : !says) {
    throw new UsageError(`Say which: ids, or --name, --actor, --state. See 'tidemark jobs ${verb} --help'.`);
  }
  checkJobIds(ids);
  await withTidemark({}, (context) =>
    ids.length > 0 ? decideIds(verb, ids, json, context) : decideAll(verb, selection, yes, json, context),
  );
}

async function decideIds(verb: Verb, ids: readonly string[], json: boolean, { tidemark }: TidemarkContext): Promise<void> {
  const { done, not } = VERBS[verb];
  await decideById(ids, {
    async decide(id) {
      const job = tidemark.job(id);
      return verb === 'cancel' ? (await job.cancel()) !== undefined : job.redrive({ actor: ownName() });
    },
    say: (id, changed) => (changed ? `${done}: ${id}.` : `${id} ${not}: left as it is.`),
    json,
  });
}

/** More are not counted, only decided about. */
const COUNTED = 1_000;

async function decideAll(verb: Verb, selection: JobSelection, yes: boolean, json: boolean, { tidemark }: TidemarkContext): Promise<void> {
  const { states, done } = VERBS[verb];
  if (!yes) {
    const pages = await Promise.all(
      states
        .filter((state) => selection.state === undefined || selection.state === state)
        .map((state) => tidemark.listJobs({ ...selection, state, limit: COUNTED })),
    );
    const matching = pages.reduce((sum, { jobs }) => sum + jobs.length, 0);
    const isMore = pages.some(({ next }) => next !== undefined);
    print(
      json
        ? formatJson({ matching, isMore })
        : matching === 0
          ? 'No jobs match.'
          : `${formatCount(matching)}${isMore ? ' or more' : ''} match. Nothing done yet: add --yes to ${verb} ${matching === 1 ? 'it' : 'them'}.`,
    );
    return;
  }
  const jobs = verb === 'cancel' ? await tidemark.cancelJobs(selection) : await tidemark.redriveJobs(selection, { actor: ownName() });
  print(json ? formatJson({ jobs }) : `${done}: ${formatCount(jobs)}.`);
}
