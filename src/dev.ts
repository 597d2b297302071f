/** Door: a whole environment on this machine. Servers, migrations, worker with starter loop, HTTP server; the demo on top. */

import { runDemoImport } from './cli/demo-import.ts';
import { summarizeDemo } from './cli/demo-summary.ts';
import { readDevFile, removeDevFile, writeDevFile } from './cli/dev-file.ts';
import { startDevProcesses } from './cli/dev-processes.ts';
import { showReady, showWorkFound } from './cli/dev-screen.ts';
import { startDevServers } from './cli/dev-servers.ts';
import { findAppFile } from './cli/load-app.ts';
import { createScreen } from './cli/screen.ts';
import { stopOnSignal, untilAborted } from './cli/stop-signal.ts';
import { withDatabase } from './cli/with-database.ts';
import { loadConfig } from './config.ts';
import { SetupError } from './errors.ts';
import { migrate } from './postgres/migrate.ts';

export interface DevOptions {
  app?: string;
  watch?: boolean;
  /** Import the shipped file and compare it. */
  demo?: boolean;
}

/** Runs until SIGTERM or SIGINT, then stops all it has started. @throws SetupError; what the demo throws */
export async function runDev({ app, watch = false, demo = false }: DevOptions): Promise<void> {
  const startedAt = performance.now();
  const config = loadConfig();
  const other = await readDevFile(config.dataDir);
  if (other) {
    throw new SetupError(
      `tidemark dev is already running in ${config.dataDir} (process ${other.pid}): stop it, or set TIDEMARK_DATA to another folder.`,
    );
  }
  const screen = createScreen({ ...config, output: process.stdout });
  const signal = stopOnSignal((_, isFirst) => isFirst && screen.line('Stopping …'));
  const servers = await startDevServers(config, screen);
  let processes: { stop(): Promise<void> } | undefined;
  try {
    const { environment } = servers;
    const ran = await migrate({ connectionString: environment.databaseUrl, schema: environment.schema });
    if (ran.length > 0) screen.done(`Migrations: ${ran.join(', ')}`);
    await writeDevFile(config.dataDir, environment);
    await withDatabase((context) => showWorkFound(context, screen));
    if (!signal.aborted) processes = await startDevProcesses({ app, watch, config, serverUrl: environment.serverUrl, screen });
    if (demo && !signal.aborted) {
      await withDatabase(async (context) => {
        const value = await runDemoImport(context, screen, signal);
        screen.box('What happened', await summarizeDemo(context, value, (performance.now() - startedAt) / 1_000));
      });
    }
    if (!signal.aborted) showReady(environment, screen, { demo, hasApp: findAppFile(app) !== undefined });
    const reason = await Promise.race([untilAborted(signal), servers.ended]);
    if (reason) throw new SetupError(`${reason}. Start again to go on with what is kept in ${config.dataDir}.`);
  } catch (error) {
    // What Ctrl-C has cut short is not an error.
    if (!signal.aborted) throw error;
  } finally {
    await processes?.stop();
    await removeDevFile(config.dataDir);
    await servers.stop();
  }
  screen.line(`Stopped. What there is stays in ${config.dataDir}.`);
}
