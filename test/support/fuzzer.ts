/** schemathesis: requests made from an OpenAPI document, well-formed and not, against a server that runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { installPythonTool } from './python-tool.ts';
import { createTestDirectory } from './servers.ts';

export interface FuzzOptions {
  /** Of the server; its document is at /openapi.json. */
  url: string;
  /** How many requests it makes up for each operation, and how many sequences of them; beside those that the document itself gives rise to. */
  examples: number;
  /** Instead: for so long. */
  seconds?: number | undefined;
  /** Values that are often taken for a parameter (such as 'path.logId'): made-up ones would find nothing. */
  known?: Record<string, readonly string[]>;
  /** By operation ('GET /logs'), values that its parameters always have. */
  fixed?: Record<string, Record<string, string>>;
}

export interface FuzzValue {
  /** What it found, as it tells it, each with the request to try it again; empty: nothing. */
  failures: string;
  /** By operation ('GET /logs'), the requests that were answered with success. */
  accepted: Record<string, number>;
}

/** Any answer is taken that the document describes: no 5xx, no other status, type, header or body. */
const CHECKS = ['not_a_server_error', 'status_code_conformance', 'content_type_conformance', 'response_schema_conformance'];
const DEADLINE_MS = 180_000;
/** The same requests each time. */
const SEED = '1';

interface Report {
  /** By operation and phase. */
  valid_rates: Record<string, Record<string, { accepted: number }>>;
}

/** @throws where it cannot be installed or run */
export async function fuzz({ url, examples, seconds, known = {}, fixed = {} }: FuzzOptions): Promise<FuzzValue> {
  const python = await installPythonTool({
    name: 'schemathesis',
    usedFor: 'The REST API is fuzzed by schemathesis',
    python: '3.11',
  });
  const directory = await createTestDirectory();
  try {
    const report = join(directory.path, 'report.json');
    await writeFile(join(directory.path, 'schemathesis.toml'), settings(known, fixed));
    const args = ['run', `${url}/openapi.json`, '--checks', CHECKS.join(','), '--seed', SEED];
    args.push(...(seconds === undefined ? ['--max-examples', String(examples)] : ['--max-time', String(seconds)]));
    args.push('--generation-database', 'none', '--no-shrink', '--continue-on-failure', '--no-color', '--warnings', 'off');
    // A cookie of nobody's would be refused each time.
    args.push('--generation-with-security-parameters', 'false');
    args.push('--report', 'json', '--report-json-path', report);
    // Not the program beside it: that names the place where the environment was made.
    const child = spawn(python, ['-c', 'from schemathesis.cli import schemathesis; schemathesis()', ...args], {
      cwd: directory.path,
      env: { PATH: process.env.PATH ?? '', HOME: directory.path, NO_COLOR: '1', COLUMNS: '200' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: (seconds ?? 0) * 1_000 + DEADLINE_MS,
    });
    const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    if (code !== 0 && code !== 1) throw new Error(`schemathesis ended with ${code}: ${errors || output}`);
    return { failures: code === 0 ? '' : output, accepted: acceptedIn(JSON.parse(await readFile(report, 'utf8'))) };
  } finally {
    await directory.remove();
  }
}

function settings(known: Record<string, readonly string[]>, fixed: Record<string, Record<string, string>>): string {
  const names = Object.keys(known);
  return [
    // Streams go on for ever.
    'max-stream-events = 1',
    ...names.map((name, index) => `[dictionaries.known${index}]\nvalues = ${JSON.stringify(known[name])}`),
    '[parameters]',
    ...names.map((name, index) => `${JSON.stringify(name)} = { dictionary = "known${index}", probability = 0.7 }`),
    ...Object.entries(fixed).flatMap(([operation, parameters]) => [
      `[[operations]]\ninclude-name = ${JSON.stringify(operation)}\n[operations.parameters]`,
      ...Object.entries(parameters).map(([name, value]) => `${JSON.stringify(name)} = ${JSON.stringify(value)}`),
    ]),
    '',
  ].join('\n');
}

function acceptedIn({ valid_rates }: Report): FuzzValue['accepted'] {
  const accepted = Object.entries(valid_rates).map(
    ([operation, phases]) => [operation, Object.values(phases).reduce((sum, phase) => sum + phase.accepted, 0)] as const,
  );
  return Object.fromEntries(accepted);
}
