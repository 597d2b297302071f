/**
 * What `tidemark dev` runs beside its servers: a worker, the HTTP server, and for an app a reader of its row changes, each a process of its own. With --watch
 * they are started anew on a change.
 */
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';
import { isLoopback } from '../http/loopback.ts';
import { keepDoorRunning } from './keep-door-running.ts';
import { findAppFile } from './load-app.ts';
import type { Screen } from './screen.ts';
import { neverChanges, watchFolder } from './watch-folder.ts';

export interface DevProcessesOptions {
  app: string | undefined;
  watch: boolean;
  config: Config;
  /** Where the server is to be. */
  serverUrl: string;
  screen: Screen;
}

/** @throws SetupError where one does not start, unless a change of the app can mend it */
export async function startDevProcesses(options: DevProcessesOptions): Promise<{ stop(): Promise<void> }> {
  const { app, watch, config, serverUrl, screen } = options;
  const file = findAppFile(app);
  const args = file ? ['--app', file] : [];
  const changes =
    watch && file ? watchFolder(dirname(file), (path) => screen.done(`${path} changed: starting worker and server anew`)) : neverChanges;
  const startedAt = performance.now();
  const activity = screen.begin('Starting worker and server');
  const kept = [
    // What is being written is applied at once; elsewhere a person decides when.
    keepDoorRunning({ door: 'worker', args: [...args, '--apply'], logFile: join(config.dataDir, 'worker.log') }, changes, screen),
    keepDoorRunning(
      { door: 'server', args, logFile: join(config.dataDir, 'server.log'), env: serverEnvironment(config, serverUrl) },
      changes,
      screen,
    ),
    // Whether it has changes only the app itself can say.
    ...(file
      ? [keepDoorRunning({ door: 'cdc', args: [...args, '--apply', '--wait'], logFile: join(config.dataDir, 'cdc.log') }, changes, screen)]
      : []),
  ];
  const stop = async () => {
    changes.close();
    await Promise.all(kept.map((one) => one.stop()));
  };
  for (const { firstStart } of kept) {
    const error = await firstStart;
    if (error !== undefined) {
      activity.clear();
      if (watch) return { stop };
      await stop();
      throw error;
    }
  }
  const whose = file ?? 'sheets (no tidemark.config here)';
  activity.done(`Worker and server for ${whose} (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`);
  return { stop };
}

/** On this machine alone nobody is asked who they are, unless that is set, or the settings say that others come by a proxy. */
function serverEnvironment({ http }: Config, serverUrl: string): Record<string, string> {
  return {
    TIDEMARK_HTTP_PORT: new URL(serverUrl).port,
    TIDEMARK_AUTH: http.auth ?? (isLoopback(http.host) && http.trustProxy === undefined && http.basePath === '' ? 'off' : 'tokens'),
  };
}
