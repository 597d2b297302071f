import type { Command } from 'commander';
import { parseWhole } from './parse-option.ts';

const EXAMPLES = `
Examples:
  $ tidemark demo kill                               over the running 'tidemark dev' of this folder, or over servers of its own
  $ tidemark demo kill --json

Starts two workers on a schema of their own, kills the one that is in the middle of a snapshot with SIGKILL, and shows how
long it takes until the other one goes on. Touches no data of yours, and leaves none behind.`;

export function addDemo(program: Command): void {
  const demo = program.command('demo').description('see Tidemark at work');
  demo
    .command('kill')
    .description('kill a worker in the middle of a snapshot and watch the takeover')
    .option('--entries <count>', 'entries of the log that is snapshotted', parseWhole(100, 100_000), 2_000)
    .option('--json', 'print what happened as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { entries: number; json?: boolean }) => {
      const { runDemoKill } = await import('./demo-kill.ts');
      await runDemoKill(options);
    });
}
