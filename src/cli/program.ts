/** The `tidemark` command: what it offers, how it answers. One file a command; each loads what it needs when it runs. */
import { Command, CommanderError } from 'commander';
import { maskSecrets } from '../logging.ts';
import { readVersion } from '../version.ts';
import { addCdc } from './cdc.ts';
import { addCompact } from './compact.ts';
import { addDemo } from './demo.ts';
import { addDev } from './dev.ts';
import { addDlq } from './dlq.ts';
import { addDoctor } from './doctor.ts';
import { addErase } from './erase.ts';
import { explainError } from './explain-error.ts';
import { addExport } from './export.ts';
import { addGc } from './gc.ts';
import { addImport } from './import.ts';
import { addInit } from './init.ts';
import { addJobs } from './jobs.ts';
import { addLog } from './log.ts';
import { addMigrate } from './migrate.ts';
import { OutcomeUnknownError } from './outcome-unknown-error.ts';
import { visible } from './print.ts';
import { addRetention } from './retention.ts';
import { addRun } from './run.ts';
import { addSchedules } from './schedules.ts';
import { addServer } from './server.ts';
import { addShow } from './show.ts';
import { addStarter } from './starter.ts';
import { addSubscriptions } from './subscriptions.ts';
import { addTokens } from './tokens.ts';
import { UsageError } from './usage-error.ts';
import { addWake } from './wake.ts';
import { addWork } from './work.ts';
import { addWorker } from './worker.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 called wrongly. An error is one line on standard error.`;

const MORE = `
Examples:
  $ tidemark dev                                     a whole environment: Postgres, Temporal, worker
  $ tidemark import flights.csv --sheet flights      a file into a sheet
  $ tidemark work --stats                            how much work there is, and how old the oldest
${EXIT_CODES}`;

/** Runs one command line. @returns the exit code */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const debug = argv.includes('--debug');
  try {
    await createProgram().parseAsync(argv as string[]);
    return process.exitCode === undefined ? 0 : Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? 0 : 2;
    }
    const { message, isBug } = explainError(error);
    const hint = isBug && !debug ? ' (unexpected: --debug shows where)' : '';
    process.stderr.write(`tidemark: ${visible(maskSecrets(message))}${hint}\n`);
    if (debug && error instanceof Error) {
      process.stderr.write(`${visible(maskSecrets(error.stack ?? ''))}\n`);
    }
    return error instanceof UsageError ? 2 : error instanceof OutcomeUnknownError ? 4 : 1;
  }
}

function createProgram(): Command {
  const program = new Command('tidemark')
    .description('Turns facts committed in Postgres into durable work on Temporal.')
    .version(readVersion(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this')
    .helpCommand(false)
    // `work` and `work redrive` have options of the same names.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`tidemark: ${visible(oneLine(text))}\n`) });
  for (const add of [
    addDev,
    addRun,
    addWorker,
    addStarter,
    addCdc,
    addServer,
    addTokens,
    addMigrate,
    addInit,
    addImport,
    addExport,
    addShow,
    addLog,
    addCompact,
    addErase,
    addRetention,
    addGc,
    addWork,
    addJobs,
    addWake,
    addSubscriptions,
    addSchedules,
    addDlq,
    addDemo,
    addDoctor,
  ]) {
    add(program);
  }
  program.addHelpText('after', MORE);
  finishCommand(program);
  return program;
}

/** What every command has: a way to the stack of an error, and the meaning of its exit codes. */
function finishCommand(command: Command): void {
  command.option('--debug', 'on an error, show where it comes from');
  for (const child of command.commands) {
    finishCommand(child);
    child.addHelpText('after', EXIT_CODES);
  }
}

function oneLine(text: string): string {
  return text
    .replace(/^error: /, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
}
