/** Door: the drill. Exit code 0 where the checker finds nothing, 1 where it finds something, 2 where the drill itself could not go on. */
import { errorMessage, InvalidInputError } from '../../src/errors.ts';
import { parseDrillOptions } from './options.ts';
import { describeReport } from './report.ts';
import { runDrill } from './run-drill.ts';

export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseDrillOptions(args);
    const say = (line: string) => (options.json ? process.stderr : process.stdout).write(`${line}\n`);
    const report = await runDrill(options, say);
    say(describeReport(report));
    if (options.json) console.log(JSON.stringify(report));
    return report.findings.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(error instanceof InvalidInputError ? error.message : `The drill could not go on: ${errorMessage(error)}`);
    if (error instanceof Error && !(error instanceof InvalidInputError)) console.error(error.stack);
    return 2;
  }
}
