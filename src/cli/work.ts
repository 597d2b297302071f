import type { Command } from 'commander';
import { executionUrl } from '../execution-url.ts';
import { type DeadGroup, groupDeadWork } from '../work/group-dead.ts';
import { listWork } from '../work/list.ts';
import type { ListedUnit } from '../work/listed-unit.ts';
import { parseShownState, type ShownState } from '../work/select.ts';
import { workStats } from '../work/stats.ts';
import { parseWhole } from './parse-option.ts';
import { formatCount, formatDuration, formatJson, formatTable, print, visibleLine } from './print.ts';
import { addSelectionOptions, type SelectionOptions, selectionOf } from './selection-options.ts';
import type { Targets } from './targets.ts';
import { asUsage, UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';
import { addDiscard, addRedrive } from './work-redrive.ts';

const EXAMPLES = `
Examples:
  $ tidemark work                                    the newest units
  $ tidemark work snapshot/flights/299               one unit, with its error and its address in Temporal's web UI
  $ tidemark work --state dead --group sheet         what gave up, and why
  $ tidemark work --stats                            depth and oldest per group, what the sweep has found
  $ tidemark work --errors                           what gave up, by error, with a fingerprint for each
  $ tidemark work redrive --fingerprint 3fa85f645717 which dead units of that error would run again
  $ tidemark work redrive --group sheet              which dead units would run again (--yes: run them)

States: waiting, running, done, dead, cancelled, expired.`;

interface WorkOptions extends SelectionOptions {
  state?: string;
  stats?: boolean;
  errors?: boolean;
  limit: number;
  after?: string;
  json?: boolean;
}

export function addWork(program: Command): void {
  const work = program
    .command('work')
    .description('look at units of work; redrive or discard dead ones')
    .argument('[ids...]', 'these units only')
    .option('--state <state>', 'in this state only')
    .option('--stats', 'depth and oldest per group instead of units')
    .option('--errors', 'dead units by their errors instead of units')
    .option('--limit <count>', 'units to show', parseWhole(1, 1_000), 50)
    .option('--after <next>', 'go on where an earlier page ended')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runWork);
  addSelectionOptions(work);
  addRedrive(work);
  addDiscard(work);
}

async function runWork(ids: string[], options: WorkOptions): Promise<void> {
  const { state, stats, errors, limit, after, json } = options;
  const shown: { state?: ShownState } = state === undefined ? {} : { state: asUsage(() => parseShownState(state)) };
  const selection = selectionOf(ids, options);
  if (stats && (errors || state || Object.keys(selection).some((name) => name !== 'group'))) {
    throw new UsageError('--stats goes with --group and --json alone.');
  }
  if (errors && (state || after !== undefined)) {
    throw new UsageError('--errors is of dead units, largest group first: leave --state and --after out.');
  }
  await withDatabase(async ({ db, targets }) => {
    if (stats) {
      const value = await workStats(db, options.group === undefined ? {} : { group: options.group });
      print(json ? formatJson(value) : formatStats(value));
      return;
    }
    if (errors) {
      const groups = await groupDeadWork(db, selection, limit);
      print(json ? formatJson({ errors: groups }) : formatErrors(groups));
      return;
    }
    const page = await listWork(db, { ...selection, ...shown }, { limit, ...(after === undefined ? {} : { after }) });
    const missing = ids.filter((id) => !page.units.some((unit) => unit.id === id));
    if (json) {
      print(formatJson(page));
    } else if (ids.length > 0) {
      for (const unit of page.units) print(formatUnit(unit, targets));
      for (const id of missing)
        print(`${id}: there is no such unit${Object.keys(options).length > 1 ? ', or it is not one of those asked for' : ''}.`);
    } else {
      print(formatUnits(page.units, limit));
      if (page.next) print(`More: --after ${page.next}`);
    }
    if (missing.length > 0) process.exitCode = 1;
  });
}

function formatUnits(units: readonly ListedUnit[], limit: number): string {
  if (units.length === 0) {
    return 'No units of work.';
  }
  const rows = units.slice(0, limit).map((unit) => {
    const since = unit.finishedAt ?? unit.begunAt ?? unit.createdAt;
    const news = unit.error && unit.state !== 'done' ? `${unit.error.code}: ${unit.error.message}` : '';
    return [unit.id, unit.state, unit.group, unit.attempt, formatDuration(Math.max(Date.now() - since.getTime(), 0)), news.slice(0, 100)];
  });
  return formatTable(['unit', 'state', 'group', 'attempts', 'since', 'error'], rows);
}

function formatErrors(groups: readonly DeadGroup[]): string {
  if (groups.length === 0) {
    return 'No dead units.';
  }
  const rows = groups.map(({ fingerprint, units, newestAt, code, message, groups: of }) => [
    fingerprint,
    units,
    of.join(', '),
    formatDuration(Math.max(Date.now() - newestAt.getTime(), 0)),
    `${code}: ${message}`.slice(0, 100),
  ]);
  return formatTable(['fingerprint', 'units', 'groups', 'newest', 'error of the newest'], rows);
}

/** Below what it belongs to, so that no line of a message looks like one of ours. */
const CONTINUED = `\n${' '.repeat(14)}`;

/** One unit, a line for each thing there is to know. */
export function formatUnit(unit: ListedUnit, { uiUrl, temporal }: Targets): string {
  const lines = [
    unit.id,
    `  state       ${unit.state}, group ${unit.group}, attempts ${unit.attempt}`,
    `  added       ${unit.createdAt.toISOString()}`,
  ];
  if (unit.begunAt) lines.push(`  last begun  ${unit.begunAt.toISOString()}`);
  if (unit.finishedAt) lines.push(`  ended       ${unit.finishedAt.toISOString()}`);
  if (unit.orderingKey !== undefined) lines.push(`  key         ${visibleLine(unit.orderingKey)}`);
  if (unit.actor !== undefined) lines.push(`  actor       ${visibleLine(unit.actor)}`);
  if (unit.error) lines.push(`  error       ${unit.error.code}: ${unit.error.message}`.replaceAll('\n', CONTINUED));
  if (unit.progress !== undefined) lines.push(`  progress    ${formatJson(unit.progress)}`);
  if (unit.result !== undefined) lines.push(`  result      ${formatJson(unit.result)}`);
  if (unit.execution !== undefined) {
    lines.push(`  execution   ${uiUrl ? executionUrl(uiUrl, temporal.namespace, unit.execution) : unit.execution}`);
  }
  return lines.join('\n');
}

function formatStats({ groups, sweep }: Awaited<ReturnType<typeof workStats>>): string {
  const head = ['group', 'waiting', 'oldest', 'running', 'longest', 'done', 'dead', 'cancelled', 'expired'];
  const rows = groups.map(({ group, depth, oldestWaitingMs, oldestRunningMs, paused }) => [
    paused ? `${group} (paused)` : group,
    depth.waiting,
    oldestWaitingMs === undefined ? '-' : formatDuration(oldestWaitingMs),
    depth.running,
    oldestRunningMs === undefined ? '-' : formatDuration(oldestRunningMs),
    depth.done,
    depth.dead,
    depth.cancelled,
    depth.expired,
  ]);
  const counters = Object.entries(sweep).map(([name, count]) => `${name.replaceAll('_', ' ')} ${formatCount(count)}`);
  return `${groups.length === 0 ? 'No groups yet.' : formatTable(head, rows)}\n\nFound by the sweep: ${counters.join(', ')}`;
}
