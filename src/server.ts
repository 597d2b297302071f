/** Door: the server. REST API and web page over HTTP. It writes and reads facts; the work is done by workers elsewhere. */
import { openBlobStore } from './blob-store/open-blob-store.ts';
import { createAppInstance } from './cli/app-instance.ts';
import { loadApp } from './cli/load-app.ts';
import { stopOnSignal, untilAborted } from './cli/stop-signal.ts';
import { findTargets } from './cli/targets.ts';
import { waitUntilReachable } from './cli/wait-until-reachable.ts';
import { requireMigrated } from './cli/with-database.ts';
import { createWorkerPools } from './cli/worker-pools.ts';
import { DEFAULT_HTTP_PORT, loadConfig } from './config.ts';
import { createAuthorizer } from './http/authorizer.ts';
import { closeHttp } from './http/closing.ts';
import { createHttpApp } from './http/http-app.ts';
import { listenHttp } from './http/listen-http.ts';
import { createLogger } from './logging.ts';
import { inSchema } from './postgres/queryable.ts';
import { connectSchedules } from './temporal/connect-schedules.ts';
import { readVersion } from './version.ts';

export interface ServerOptions {
  /** The file whose default export is the application; undefined: `tidemark.config.…` here, else what Tidemark brings itself. */
  app?: string;
  host?: string;
  port?: number;
  /** Whoever may read may read; nobody may write. */
  readOnly?: boolean;
}

/** Runs until SIGTERM or SIGINT, then ends streams and finishes requests. @throws where it cannot listen, or Postgres does not answer for a minute */
export async function runServer({ app: appFile, host, port, readOnly = false }: ServerOptions): Promise<void> {
  const config = loadConfig();
  const targets = await findTargets(config);
  const { databaseUrl, schema, temporal, uiUrl } = targets;
  const log = createLogger({ level: config.logLevel, name: 'server', secrets: [temporal.apiKey] });
  const signal = stopOnSignal((name, isFirst) => log.info(isFirst ? `${name}: finishing requests` : `${name} again: ending now`));
  const app = await loadApp(appFile, schema);
  const pools = createWorkerPools(databaseUrl, 'server', (error) => log.warn(`postgres: ${error.message}`));
  const { pool, blobPool } = pools;
  const { schedules, close: closeSchedules } = connectSchedules({ pool, schema, temporal });
  try {
    const blobs = app.blobs ?? (await openBlobStore(targets.blobs, { pool: blobPool, schema }));
    await waitUntilReachable({ name: 'Postgres', probe: () => requireMigrated(pool, schema), log, signal });
    if (signal.aborted) return;
    const tidemark = createAppInstance(app, { pool, schema, blobs, databaseUrl, cacheBytes: config.cacheBytes });
    const db = inSchema(pool, schema);
    const { http } = config;
    const at = { host: host ?? http.host, port: port ?? http.port ?? DEFAULT_HTTP_PORT };
    const authorizer = createAuthorizer({ ...http, auth: http.auth ?? 'tokens', host: at.host }, db);
    const ofTemporal = { uiUrl, namespace: temporal.namespace };
    // Where nobody says who they are, everybody would share one limit.
    const limits = authorizer.auth === 'off' ? { requestsPerMinute: undefined } : {};
    const parts = { tidemark, db, schedules, readOnly, version: readVersion(), logger: log };
    const httpApp = await createHttpApp({ ...http, ...limits, ...authorizer, ...ofTemporal, ...parts });
    const address = await listenHttp(httpApp, at);
    // Those of an earlier process that died are this one's where jobs run here.
    if (!tidemark.useJobs) void tidemark.wake();
    log.info({ app: app.file, schema, address: `${address}${http.basePath}/`, auth: authorizer.auth, readOnly }, 'running');
    await untilAborted(signal);
    await closeHttp(httpApp);
    await tidemark.close();
  } finally {
    await closeSchedules();
    await pools.end();
  }
  log.info('stopped');
}
