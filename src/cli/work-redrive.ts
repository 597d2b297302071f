import type { Command } from 'commander';
import { notify } from '../postgres/listen.ts';
import { listWork } from '../work/list.ts';
import { countDead, type DeadSelection, discardWork, redriveWork } from '../work/redrive.ts';
import { formatCount, formatJson, formatTable, print } from './print.ts';
import { addSelectionOptions, type SelectionOptions, selectionOf } from './selection-options.ts';
import { UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface RedriveOptions extends SelectionOptions {
  state?: string;
  yes?: boolean;
  json?: boolean;
}

const MEANING = {
  redrive: 'run dead units again, in a new epoch',
  discard: 'give dead units up: cancelled, and their entries no longer pending',
} as const;

type Verb = keyof typeof MEANING;

export function addRedrive(work: Command): void {
  add(work, 'redrive');
}

export function addDiscard(work: Command): void {
  add(work, 'discard');
}

function add(work: Command, verb: Verb): void {
  const command = work
    .command(verb)
    .description(`${MEANING[verb]}; shows which, and does it with --yes`)
    .argument('[ids...]', 'these units only')
    .option('--state <state>', 'dead: the only state there is to choose from')
    .option('--yes', 'do it')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tidemark work ${verb} snapshot/flights/299 --yes
  $ tidemark work ${verb} --group sheet --error corrupt_blob      counts first
  $ tidemark work ${verb} --fingerprint 3fa85f645717 --yes       of one error: 'tidemark work --errors' lists them
  $ tidemark work ${verb} --state dead --age 7d --yes`,
    );
  addSelectionOptions(command);
  command.action((ids: string[], options: RedriveOptions) => run(verb, ids, options));
}

async function run(verb: Verb, ids: string[], options: RedriveOptions): Promise<void> {
  const { state, yes, json } = options;
  if (state !== undefined && state !== 'dead') {
    throw new UsageError(
      `Only dead units can be ${verb === 'redrive' ? 'redriven' : 'discarded'}, not those that are ${state}. Leave --state out.`,
    );
  }
  const selection: DeadSelection = selectionOf(ids, options);
  if (Object.keys(selection).length === 0 && state === undefined) {
    throw new UsageError(
      `Say which: ids, --fingerprint, --group, --workflow, --log, --error, --age, or --state dead for all of them. See 'tidemark work ${verb} --help'.`,
    );
  }
  await withDatabase(async ({ pool, db, targets }) => {
    const counts = await countDead(db, selection);
    const dead = counts.reduce((sum, { units }) => sum + units, 0);
    const others = ids.length > 0 ? await notDead(db, ids) : [];
    let changed: number | undefined;
    if (yes && dead > 0) {
      changed = await (verb === 'redrive' ? redriveWork : discardWork)(db, selection);
      await notify(pool, 'work', targets.schema);
    }
    if (json) {
      print(formatJson({ dead, counts, notDead: others, ...(yes ? { changed: changed ?? 0 } : {}) }));
    } else {
      print(
        dead === 0
          ? 'No dead units match.'
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

async function notDead(db: Parameters<typeof listWork>[0], ids: readonly string[]): Promise<{ id: string; state: string }[]> {
  const { units } = await listWork(db, { ids }, { limit: 1_000 });
  const states = new Map(units.map((unit) => [unit.id, unit.state as string]));
  return ids.map((id) => ({ id, state: states.get(id) ?? 'unknown' })).filter(({ state }) => state !== 'dead');
}
