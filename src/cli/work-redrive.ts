/** Redrive and discard: which dead units are meant, said first, done with --yes. Of all work, and of dead letters alone. */
import { type Command, InvalidArgumentError } from 'commander';
import { notify } from '../postgres/listen.ts';
import type { Database } from '../postgres/queryable.ts';
import { listWork } from '../work/list.ts';
import { countDead, type DeadSelection, discardWork, redriveWork } from '../work/redrive.ts';
import { ownName } from './own-name.ts';
import { parseDuration } from './parse-option.ts';
import { formatCount, formatJson, formatTable, print } from './print.ts';
import { addSelectionOptions, type SelectionOptions, selectionOf } from './selection-options.ts';
import { UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface DecisionOptions {
  state?: string;
  rate?: number;
  actor?: string;
  correlation?: string;
  yes?: boolean;
  json?: boolean;
}

type Verb = 'redrive' | 'discard';

/** What is decided about. */
interface Subject {
  command: 'work' | 'dlq';
  name: string;
  /** Whatever else is asked for. */
  within: DeadSelection;
  meaning: Record<Verb, string>;
  /** Ways to say which. */
  ways: string;
  examples: (verb: Verb) => string;
  addOptions(command: Command): void;
  selectionOf(ids: readonly string[], options: object): DeadSelection;
}

const WORK: Subject = {
  command: 'work',
  name: 'dead unit',
  within: {},
  meaning: {
    redrive: 'run dead units again, in a new epoch',
    discard: 'give dead units up: cancelled, and their entries no longer pending',
  },
  ways: 'ids, --fingerprint, --group, --workflow, --log, --error, --age',
  examples: (verb) => `
  $ tidemark work ${verb} snapshot/flights/299 --yes
  $ tidemark work ${verb} --group sheet --error corrupt_blob      counts first
  $ tidemark work ${verb} --fingerprint 3fa85f645717 --yes       of one error: 'tidemark work --errors' lists them
  $ tidemark work ${verb} --state dead --age 7d --yes`,
  addOptions: addSelectionOptions,
  selectionOf: (ids, options) => selectionOf(ids, options as SelectionOptions),
};

/** Deliveries alone. */
export const DEAD_LETTERS: Subject = {
  command: 'dlq',
  name: 'dead letter',
  within: { workflow: 'delivery' },
  meaning: {
    redrive: 'deliver dead letters again, in a new epoch',
    discard: 'give dead letters up',
  },
  ways: 'ids, --subscription, --fingerprint, --error, --age',
  examples: (verb) => `
  $ tidemark dlq ${verb} delivery/mail/4711 --yes
  $ tidemark dlq ${verb} --subscription mail --error 550         counts first
  $ tidemark dlq ${verb} --fingerprint 3fa85f645717 --yes${
    verb === 'redrive'
      ? `
  $ tidemark dlq redrive --subscription mail --rate 10 --yes    ten of them a second`
      : ''
  }`,
  addOptions(command) {
    command
      .option('--subscription <subscription>', 'of this subscription only')
      .option('--fingerprint <hash>', "whose error has this fingerprint: see 'tidemark work --errors'")
      .option('--error <text>', "whose error's code or message holds this")
      .option('--age <duration>', 'dead for at least so long: 90s, 10m, 2h, 7d', parseDuration);
  },
  selectionOf(ids, options) {
    const { subscription, ...rest } = options as SelectionOptions & { subscription?: string };
    return { ...selectionOf(ids, { ...rest, ...(subscription === undefined ? {} : { group: subscription }) }) };
  },
};

export function addRedrive(work: Command): void {
  addDecision(work, 'redrive', WORK);
}

export function addDiscard(work: Command): void {
  addDecision(work, 'discard', WORK);
}

export function addDecision(parent: Command, verb: Verb, subject: Subject): void {
  const command = parent
    .command(verb)
    .description(`${subject.meaning[verb]}; shows which, and does it with --yes`)
    .argument('[ids...]', `these ${subject.name}s only`)
    .option('--state <state>', 'dead: the only state there is to choose from')
    .option('--actor <actor>', 'who decides, kept with each of them (default: your name on this machine)')
    .option('--correlation <id>', 'as a part of what, kept with each of them')
    .option('--yes', 'do it')
    .option('--json', 'print as JSON')
    .addHelpText('after', `\nExamples:${subject.examples(verb)}`);
  if (verb === 'redrive') command.option('--rate <count>', 'so many of them a second, in the order of their ids: 10, or 10/s', parseRate);
  subject.addOptions(command);
  command.action((ids: string[], options: DecisionOptions) => run(verb, subject, ids, options));
}

async function run(verb: Verb, subject: Subject, ids: string[], options: DecisionOptions): Promise<void> {
  const { state, yes, json, rate, actor, correlation } = options;
  if (state !== undefined && state !== 'dead') {
    throw new UsageError(
      `Only ${subject.name}s can be ${verb === 'redrive' ? 'redriven' : 'discarded'}, not those that are ${state}. Leave --state out.`,
    );
  }
  const asked = subject.selectionOf(ids, options);
  if (Object.keys(asked).length === 0 && state === undefined) {
    throw new UsageError(`Say which: ${subject.ways}, or --state dead for all of them. See 'tidemark ${subject.command} ${verb} --help'.`);
  }
  const selection = { ...asked, ...subject.within };
  await withDatabase(async ({ pool, db, targets }) => {
    const counts = await countDead(db, selection);
    const dead = counts.reduce((sum, { units }) => sum + units, 0);
    const others = ids.length > 0 ? await notDead(db, subject.within, ids) : [];
    let changed: number | undefined;
    if (yes && dead > 0) {
      const who = { actor: actor ?? ownName(), correlationId: correlation };
      changed = await (verb === 'redrive' ? redriveWork(db, selection, { ...who, ratePerSecond: rate }) : discardWork(db, selection, who));
      await notify(pool, 'work', targets.schema);
    }
    if (json) {
      print(formatJson({ dead, counts, notDead: others, ...(yes ? { changed: changed ?? 0 } : {}) }));
    } else {
      print(
        dead === 0
          ? `No ${subject.name}s match.`
          : formatTable(
              ['group', 'error', 'units', 'newest message'],
              counts.map((count) => [count.group, count.code, count.units, count.message.slice(0, 100)]),
            ),
      );
      for (const { id, state: found } of others) print(`${id} is ${found}: left as it is.`);
      if (changed !== undefined) {
        print(`${verb === 'redrive' ? 'Redriven' : 'Discarded'}: ${formatCount(changed)}.`);
      } else if (dead > 0) {
        print(`Nothing done yet: add --yes to ${verb} ${dead === 1 ? 'it' : `these ${formatCount(dead)}`}.`);
      }
    }
    if (others.length > 0) process.exitCode = 1;
  });
}

async function notDead(db: Database, within: DeadSelection, ids: readonly string[]): Promise<{ id: string; state: string }[]> {
  const { units } = await listWork(db, { ...within, ids }, { limit: 1_000 });
  const states = new Map(units.map((unit) => [unit.id, unit.state as string]));
  return ids.map((id) => ({ id, state: states.get(id) ?? 'unknown' })).filter(({ state }) => state !== 'dead');
}

function parseRate(text: string): number {
  const value = Number(/^(\d{1,5})(\/s)?$/.exec(text)?.[1]);
  if (!(value >= 1 && value <= 10_000)) {
    throw new InvalidArgumentError('Use a whole number from 1 to 10000: so many a second.');
  }
  return value;
}
