import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { Finding } from './finding.ts';
import { formatJson, print } from './print.ts';

const EXAMPLES = `
Examples:
  $ tidemark doctor
  $ DATABASE_URL=postgres://… TEMPORAL_ADDRESS=temporal:7233 tidemark doctor --json

Looks at Postgres, its settings, roles, grants and migrations, at subscriptions, at Temporal, its namespace, search attributes and schedules, at the server of
a running 'tidemark dev', and at versions.
Changes nothing. Fails where something is wrong; a warning alone is no failure.`;

const MARK = { ok: 'ok     ', warning: 'warning', wrong: 'WRONG  ' } as const;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say what is wrong with this installation, and what to do')
    .option('--app <file>', 'file whose default export is the createTidemark instance: its subscriptions and schedules are compared')
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runDoctor);
}

async function runDoctor({ app, json }: { app?: string; json?: boolean }): Promise<void> {
  const config = loadConfig();
  const { checkProgram } = await import('./doctor-program.ts');
  const { checkPostgres } = await import('./doctor-postgres.ts');
  const { checkServer } = await import('./doctor-server.ts');
  const { checkTemporal } = await import('./doctor-temporal.ts');
  const { defaultBlobsDir, findTargets } = await import('./targets.ts');
  const ofSettings: Finding[] = [];
  const targets = await findTargets(config).catch((error: Error) => {
    ofSettings.push({ check: 'settings', state: 'wrong', found: 'no database is configured', fix: error.message });
  });
  const findings = [...(await checkProgram(targets?.blobs ?? config.blobs ?? defaultBlobsDir(config))), ...ofSettings];
  if (targets) {
    // Side by side: a server that does not answer takes its time.
    const found = await Promise.all([checkPostgres(targets, app), checkTemporal(targets, app), checkServer(targets.serverUrl)]);
    findings.push(...found.flat());
  }
  const wrong = findings.filter(({ state }) => state === 'wrong').length;
  if (json) {
    print(formatJson({ ok: wrong === 0, findings }));
  } else {
    const width = Math.max(...findings.map(({ check }) => check.length));
    for (const { check, state, found, fix } of findings) {
      print(`${MARK[state]}  ${check.padEnd(width)}  ${found}${fix ? `\n${' '.repeat(width + 11)}→ ${fix}` : ''}`);
    }
    print(wrong === 0 ? '\nAll is well.' : `\n${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong.`);
  }
  if (wrong > 0) process.exitCode = 1;
}
