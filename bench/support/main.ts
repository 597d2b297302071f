/** `npm run bench [-- NAME…] [--json]`: runs figures one after the other and prints them. */
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/errors.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { createEnvironment, type Environment } from './environment.ts';
import type { Figure } from './figure.ts';
import { printTable } from './print.ts';

/** In the order in which they run. Each is a file beside this folder, which answers with one figure or more. */
const NAMES = [
  'append-1',
  'append-100',
  'claim',
  'latency',
  'throughput-alone',
  'throughput-burst',
  'takeover',
  'changes',
  'changes-latency',
  'snapshot-10k',
  'snapshot-100k',
  'snapshot-1m',
  'snapshot-after-one',
  'viewport',
  'sheet-snapshot-full',
  'sheet-snapshot-after-one',
  'sheet-open',
  'sheet-viewport',
  'sheet-write-path',
  'blobs',
  'import-csv',
  'export-csv',
  'import-xlsx',
  'export-xlsx',
  'http-append',
  'http-query',
  'sse-fanout',
  'page-open',
  'page-scroll',
  'download-records',
  'http-workbooks',
  'messages-throughput',
  'messages-latency',
  'messages-publish',
  'messages-neighbour',
  'messages-memory',
  'jobs-enqueue',
  'jobs-throughput',
  'jobs-latency',
];

interface FigureFile {
  default: (environment: Environment) => Promise<Figure[]>;
}

const HELP = `Usage: npm run bench [-- NAME…] [--json]

Measures Tidemark against a baseline in the same run, by turns. Without names: all of
  ${NAMES.join(', ')}

  --json  print an array of { name, value, unit, baseline, ratio, goal, met, note }`;

/** @returns the exit code */
export async function main(args: string[]): Promise<number> {
  try {
    await run(args);
    return 0;
  } catch (error) {
    console.error(process.env.DEBUG ? error : errorMessage(error));
    return 1;
  }
}

async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const unknown = positionals.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new Error(`'${unknown}' is not a figure: use ${NAMES.join(', ')}.`);
  }
  installRuntime({ verbose: false, log: () => {} });
  const say = (line: string) => console.error(line);
  const figures: Figure[] = [];
  for (const name of NAMES.filter((one) => positionals.length === 0 || positionals.includes(one))) {
    say(`${name} …`);
    figures.push(...(await runFigure(name, say)));
  }
  console.log(values.json ? JSON.stringify(figures, null, 2) : printTable(figures));
}

/** With servers of its own, so that no figure's data is in another's way. */
async function runFigure(name: string, say: (line: string) => void): Promise<Figure[]> {
  const environment = createEnvironment(say);
  const stop = () => {
    environment.close().finally(() => process.exit(130));
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const { default: measure } = (await import(`../${name}.js`)) as FigureFile;
    return await measure(environment);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await environment.close();
  }
}
