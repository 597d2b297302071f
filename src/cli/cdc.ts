import { type Command, Option } from 'commander';
import type { CdcOptions } from '../cdc.ts';
import { dropSlot } from '../changes/drop-slot.ts';
import { planChanges } from '../changes/plan-changes.ts';
import { type ChangeGap, listChangeGaps, readSlotStatus, type SlotStatus } from '../changes/slot-status.ts';
import { loadApp } from './load-app.ts';
import { formatBytes, formatDuration, formatJson, formatTable, print } from './print.ts';
import { applyChanges } from './run-change-reader.ts';
import { UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

const EXAMPLES = `
Examples:
  $ tidemark cdc                                     reads the changes of the app in tidemark.config.{js,mjs,ts}
  $ tidemark cdc --app dist/app.js
  $ tidemark cdc plan                                which statements its publication needs; exit code 1 where any
  $ tidemark cdc apply                               runs them: as the owner of the tables
  $ tidemark cdc status                              how far behind it is, what the slot holds, what may be missing
  $ tidemark cdc --recover                           reads on where the slot is lost, and writes down what may be missing

Needs DATABASE_URL (a direct connection, of a role with REPLICATION), or a running 'tidemark dev' in this folder. Any number may run: one reads, the
others take over. Logs JSON lines (LOG_LEVEL). TIDEMARK_METRICS=HOST:PORT: /metrics, /health/live and /health/ready there.`;

const PLAN_EXAMPLES = `
Examples:
  $ tidemark cdc plan
  $ tidemark cdc plan --json`;

const APPLY_EXAMPLES = `
Examples:
  $ DATABASE_URL=postgres://owner@… tidemark cdc apply --app dist/app.js

Creates or changes the publication, sets replica identity full where 'before' asks for it, and applies the subscriptions of the changes. All or nothing.`;

const STATUS_EXAMPLES = `
Examples:
  $ tidemark cdc status
  $ tidemark cdc status --json`;

const DROP_EXAMPLES = `
Examples:
  $ tidemark cdc drop --yes                          an app that has no changes any more: a slot that nobody reads fills the disk

Drops the slot and its publication. Messages that are stored stay and are delivered. Started again, reading begins from then on.`;

interface AppOptions {
  app?: string;
  json?: boolean;
}

export function addCdc(program: Command): void {
  const cdc = program
    .command('cdc')
    .description("read row changes from Postgres' write-ahead log")
    .addOption(appOption())
    .option('--apply', "run what 'tidemark cdc plan' shows first")
    .addOption(new Option('--wait', 'for what is missing, changes or tables').hideHelp())
    .option('--recover', 'where the slot is lost, make it anew and write down what may be missing')
    .addHelpText('after', EXAMPLES)
    .action(async (options: CdcOptions) => {
      const { runCdc } = await import('../cdc.ts');
      await runCdc(options);
    });
  const part = (name: string, description: string, examples: string) =>
    cdc.command(name).description(description).addHelpText('after', examples);
  part('plan', 'show what has to be done before changes can be read', PLAN_EXAMPLES)
    .addOption(appOption())
    .option('--json', 'print as JSON')
    .action(runPlan);
  part('apply', 'do it, as the owner of the tables', APPLY_EXAMPLES).addOption(appOption()).action(runApply);
  part('status', 'how far behind the reader is, and what may be missing', STATUS_EXAMPLES)
    .option('--json', 'print as JSON')
    .action(runStatus);
  part('drop', 'give up reading: drop the slot', DROP_EXAMPLES).option('--yes', 'do it').action(runDrop);
}

const appOption = () => new Option('--app <file>', 'file whose default export is the createTidemark instance');

async function runPlan({ app, json }: AppOptions): Promise<void> {
  await withDatabase(async ({ db, targets }) => {
    const { registry } = await loadApp(app, targets.schema);
    const { publication, problems, statements, missingSubscriptions } = await planChanges(db, registry.changes);
    if (json) print(formatJson({ publication, problems, statements, missingSubscriptions }));
    else {
      for (const problem of problems) print(`problem: ${problem}`);
      for (const statement of statements) print(statement);
      for (const name of missingSubscriptions) print(`subscription ${name}: to be created`);
      if (problems.length + statements.length + missingSubscriptions.length === 0) print('All is as it has to be.');
    }
    if (problems.length + statements.length + missingSubscriptions.length > 0) process.exitCode = 1;
  });
}

async function runApply({ app }: AppOptions): Promise<void> {
  await withDatabase(async ({ pool, targets }) => {
    const { registry } = await loadApp(app, targets.schema);
    const ran = await applyChanges(pool, targets.schema, registry);
    for (const statement of ran) print(statement);
    print(ran.length === 0 ? 'All was as it has to be.' : 'Done.');
  });
}

async function runStatus({ json }: { json?: boolean }): Promise<void> {
  await withDatabase(async ({ db }) => {
    const slots = await readSlotStatus(db);
    const gaps = await listChangeGaps(db);
    print(json ? formatJson({ slots, gaps }) : formatStatus(slots, gaps));
    if (slots.some(({ state }) => state === 'lost' || state === 'missing')) process.exitCode = 1;
  });
}

function formatStatus(slots: readonly SlotStatus[], gaps: readonly ChangeGap[]): string {
  if (slots.length === 0) return "No changes were read yet: start 'tidemark cdc'.";
  const head = ['SLOT', 'STATE', 'CHECKPOINT', 'BEHIND', 'HELD', 'LEFT', 'LAST SEEN'];
  const rows = slots.map(({ slot, state, checkpoint, lagBytes, retainedBytes, safeBytes, ageMs }) => {
    const left = safeBytes === undefined ? 'no limit' : formatBytes(Math.max(0, safeBytes));
    return [slot, state, checkpoint, formatBytes(lagBytes), formatBytes(retainedBytes), left, `${formatDuration(ageMs)} ago`];
  });
  const missing = gaps.map(
    ({ fromLsn, toLsn, fromTime, toTime, reason }) =>
      `May be missing: ${fromLsn} to ${toLsn}${fromTime ? `, committed after ${fromTime.toISOString()}` : ''}, found ${toTime.toISOString()} (${reason})`,
  );
  return [formatTable(head, rows), ...missing].join('\n');
}

async function runDrop({ yes }: { yes?: boolean }): Promise<void> {
  if (!yes) throw new UsageError('This drops the slot and what it has not read yet. Add --yes.');
  await withDatabase(async ({ db }) => print(`Dropped ${await dropSlot(db)}.`));
}
