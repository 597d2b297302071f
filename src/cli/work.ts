import type { Command } from 'commander';
import type { ListedUnit } from '../work/list.ts';
import { listWork } from '../work/list.ts';
import { parseShownState, type ShownState } from '../work/select.ts';
import { workStats } from '../work/stats.ts';
import { parseWhole } from './parse-option.ts';
import { formatCount, formatDuration, formatJson, formatTable, print } from './print.ts';
import { addSelectionOptions, type SelectionOptions, selectionOf } from './selection-options.ts';
import { executionUrl, type Targets } from './targets.ts';
import { asUsage, UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';
import { addDiscard, addRedrive } from './work-redrive.ts';

const EXAMPLES = `
Examples:
  $ tidemark work                                    the newest units
  $ tidemark work snapshot/flights/299               one unit, with its error and its address in Temporal's web UI
  $ tidemark work --state dead --group sheet         what gave up, and why
  $ tidemark work --stats                            depth and oldest per group, what the sweep has found
  $ tidemark work redrive --group sheet              which dead units would run again (--yes: run them)

States: waiting, running, done, dead, cancelled, expired.`;

interface WorkOptions extends SelectionOptions {
  state?: string;
  stats?: boolean;
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
  const { state, stats, limit, after, json } = options;
  const shown: { state?: ShownState } = state === undefined ? {} : { state: asUsage(() => parseShownState(state)) };
  if (stats && (ids.length > 0 || state || options.error || options.age !== undefined)) {
    throw new UsageError('--stats goes with --group and --json alone.');
  }
  await withDatabase(async ({ db, targets }) => {
    if (stats) {
      const value = await workStats(db, options.group);
      print(json ? formatJson(value) : formatStats(value));
      return;
    }
    const page = await listWork(db, { ...selectionOf(ids, options), ...shown }, { limit, ...(after === undefined ? {} : { after }) });
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

function formatUnit(unit: ListedUnit, { uiUrl, temporal }: Targets): string {
  const lines = [
    unit.id,
    `  state       ${unit.state}, group ${unit.group}, attempts ${unit.attempt}`,
    `  added       ${unit.createdAt.toISOString()}`,
  ];
  if (unit.begunAt) lines.push(`  last begun  ${unit.begunAt.toISOString()}`);
  if (unit.finishedAt) lines.push(`  ended       ${unit.finishedAt.toISOString()}`);
  if (unit.orderingKey !== undefined) lines.push(`  key         ${unit.orderingKey}`);
  if (unit.actor !== undefined) lines.push(`  actor       ${unit.actor}`);
  if (unit.error) lines.push(`  error       ${unit.error.code}: ${unit.error.message}`);
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
