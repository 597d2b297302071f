import type { Command } from 'commander';
import type { GarbageProgress, GarbageReport } from '../garbage/collect-garbage.ts';
import { parseDuration } from './parse-option.ts';
import { formatCount, formatDuration, formatJson, print } from './print.ts';
import { withDatabase } from './with-database.ts';

interface GcOptions {
  app?: string;
  dryRun?: boolean;
  grace?: number;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ tidemark gc --dry-run                            what would go, and what waits
  $ tidemark gc                                      all logs, now; workers do it once a day (TIDEMARK_GC_EVERY)
  $ tidemark gc flights --grace 1h
  $ tidemark gc --app dist/app.js                    with the log types of an application

Lets go of snapshots that a log does not keep (tidemark retention), and removes blobs that nothing has referred to for the grace period:
the first collection that finds one so marks it, one after the period removes it. Safe beside workers.
Fails where blobs are missing that something refers to, or a log cannot be collected.`;

/** Of a quick one nobody wants to see that it went on. */
const SHOWN_AFTER_MS = 2_000;

export function addGc(program: Command): void {
  program
    .command('gc')
    .description('remove blobs that nothing refers to any more')
    .argument('[logs...]', 'these logs only')
    .option('--app <file>', 'the application whose log types they are of, as for tidemark worker')
    .option('--dry-run', 'change nothing; say what would go')
    .option(
      '--grace <duration>',
      'how long a blob stays after nothing refers to it: 90m, 24h, 7d (default: TIDEMARK_GC_GRACE, else 24h)',
      parseDuration,
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action(runGc);
}

async function runGc(logs: string[], { app, dryRun = false, grace, json }: GcOptions): Promise<void> {
  const { loadConfig } = await import('../config.ts');
  const { createScreen } = await import('./screen.ts');
  const { loadApp } = await import('./load-app.ts');
  const { stopOnSignal } = await import('./stop-signal.ts');
  const { openBlobStore } = await import('../blob-store/open-blob-store.ts');
  const { collectGarbage } = await import('../garbage/collect-garbage.ts');
  const { garbageWarnings } = await import('../garbage/garbage-warnings.ts');
  const config = loadConfig();
  const graceMs = grace ?? config.garbage.graceMs;
  const screen = createScreen({ ...config, output: process.stderr });
  await withDatabase(async ({ pool, targets }) => {
    const { schema } = targets;
    const { registry, blobs: ofApp } = await loadApp(app, schema);
    const blobs = ofApp ?? (await openBlobStore(targets.blobs, { pool, schema }));
    const startedAt = performance.now();
    let activity: ReturnType<typeof screen.begin> | undefined;
    const onProgress = ({ after, report, current }: GarbageProgress) => {
      if (performance.now() - startedAt > SHOWN_AFTER_MS) {
        activity ??= screen.begin('Collecting garbage');
        activity.update(`${formatCount(report.logs)} logs, ${formatCount(report.removed)} blobs removed; at ${current?.log ?? after}`);
      }
    };
    const report = await collectGarbage({
      pool,
      schema,
      blobs,
      logTypes: registry.logTypes,
      graceMs,
      dryRun,
      onProgress,
      signal: stopOnSignal(() => {}),
      ...(logs.length > 0 ? { logs } : {}),
    }).finally(() => activity?.clear());
    print(json ? formatJson({ dryRun, graceMs, ...report }) : formatReport(report, { dryRun, graceMs }));
    if (!json) {
      for (const warning of garbageWarnings(report)) screen.warn(warning);
    }
    if (report.missing.count > 0 || report.skipped.count > 0) process.exitCode = 1;
  });
}

function formatReport(report: GarbageReport, { dryRun, graceMs }: { dryRun: boolean; graceMs: number }): string {
  const { logs, snapshots, blobs, removed, waiting, leftovers, postponed } = report;
  const lines = [`${dryRun ? 'Would remove' : 'Removed'} ${counted(removed, 'blob')} of ${formatCount(blobs)} in ${counted(logs, 'log')}.`];
  if (snapshots > 0) lines.push(`${counted(snapshots, 'snapshot')} ${dryRun ? 'would be' : 'were'} let go of.`);
  if (waiting > 0) lines.push(`${counted(waiting, 'blob')} more that nothing refers to; the grace period is ${formatDuration(graceMs)}.`);
  if (leftovers > 0) lines.push(`Removed ${counted(leftovers, 'draft')} that a crash had left behind.`);
  if (postponed.count > 0) lines.push(`Left for the next time, because their blobs are being written: ${postponed.logs.join(', ')}.`);
  return lines.join('\n');
}

function counted(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`;
}
