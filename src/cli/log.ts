import type { Command } from 'commander';
import { SequenceRangeError } from '../errors.ts';
import type { LogEntry, SequenceId } from '../event-log/event-log.ts';
import type { LogWithHistory } from '../history/with-history.ts';
import { parseSequenceIdOption, parseWhole } from './parse-option.ts';
import { formatJson, print, visibleLine } from './print.ts';
import { UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface LogOptions {
  all?: boolean;
  from?: SequenceId;
  limit: number;
  follow?: boolean;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ tidemark log flights                             its newest entries
  $ tidemark log flights --from 0 --limit 10         its first ones, archived or not
  $ tidemark log flights --all                       every one
  $ tidemark log flights --follow --json             what is there, then what comes: one JSON object a line`;

export function addLog(program: Command): void {
  program
    .command('log')
    .description('print the entries of a log')
    .argument('<log>', 'id of the log; of a sheet: its name')
    .option('--from <sequence id>', 'begin here', parseSequenceIdOption)
    .option('--all', 'every entry, from the first one on')
    .option('--limit <count>', 'entries to print', parseWhole(1, 1_000_000), 20)
    .option('--follow', 'go on with what comes, until Ctrl-C')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(runLog);
}

async function runLog(logId: string, { from, all, limit, follow, json }: LogOptions): Promise<void> {
  if (all && from !== undefined) {
    throw new UsageError('--all begins at the first entry: leave --from out, or --all.');
  }
  const { logWithHistory } = await import('./log-with-history.ts');
  const { followLog } = await import('../event-log/follow-log.ts');
  const { readLog } = await import('../event-log/read-log.ts');
  const { stopOnSignal } = await import('./stop-signal.ts');
  await withDatabase(async (context) => {
    const { firstSequenceId, nextSequenceId } = await readLog(context.db, logId);
    const log = logWithHistory<LogEntry>(context, logId);
    const start = all ? (await log.query('start', 0n)).startSequenceId : (from ?? (await newest(log, nextSequenceId, limit)));
    const write = json ? writeJson : writeLine;
    if (follow) {
      const signal = stopOnSignal(() => {});
      for await (const { entry, sequenceId } of followLog(log, { from: start, signal })) write(sequenceId, entry);
      return;
    }
    let position = start;
    for (let left = all ? Number.MAX_SAFE_INTEGER : limit, complete = false; left > 0 && !complete; ) {
      const page = await log.query(position, position + BigInt(left));
      for (const entry of page.entries) {
        write(position, entry);
        position += 1n;
      }
      left -= page.entries.length;
      complete = page.isComplete;
    }
    if (!json && position === start && nextSequenceId === firstSequenceId) print(`Log '${logId}' holds no entries.`);
  });
}

/** Where the newest `limit` entries begin. */
async function newest(log: LogWithHistory<LogEntry>, end: SequenceId, limit: number): Promise<SequenceId> {
  const wanted = end - BigInt(limit);
  try {
    return wanted > 0n ? (await log.query(wanted, wanted)).startSequenceId : (await log.query('start', 0n)).startSequenceId;
  } catch (error) {
    if (error instanceof SequenceRangeError) return error.startSequenceId;
    throw error;
  }
}

function writeJson(sequenceId: SequenceId, entry: LogEntry): void {
  print(formatJson({ sequenceId, entry }));
}

const DATA_WIDTH = 100;

function writeLine(sequenceId: SequenceId, { type, snapshot, history, pending, ...data }: LogEntry): void {
  const text = formatJson(data);
  const marks = [
    ...(pending === undefined ? [] : [`pending ${pending}`]),
    ...(snapshot === undefined ? [] : [`snapshot ${snapshot}`]),
    ...(history === undefined ? [] : [`history ${history}`]),
  ];
  const shown = text.length > DATA_WIDTH ? `${text.slice(0, DATA_WIDTH)}…` : text;
  print([sequenceId.toString().padStart(7), visibleLine(type), shown, ...(marks.length > 0 ? [`[${marks.join(', ')}]`] : [])].join('  '));
}
