/** The drill's own Postgres and Temporal dev server: killed with SIGKILL, started again on the same data and the same port. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres.ts';
import { startTemporal } from '../../src/embedded/temporal.ts';
import { findTemporalCli } from '../../src/embedded/temporal-binaries.ts';
import { type Kind, type Target, UP_DEADLINE_MS } from './target.ts';

interface RunningServer {
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerTarget<ServerT> extends Target {
  /** As it runs, or last ran. */
  current(): ServerT;
  /** In order; for the end of the drill. */
  stop(): Promise<void>;
}

export async function createPostgresTarget(directory: string): Promise<ServerTarget<EmbeddedPostgres>> {
  const dataDir = join(directory, 'postgres', 'data');
  return createServerTarget('postgres', await startPostgres({ dataDir }), ({ port }) => startPostgres({ dataDir, port }));
}

export async function createTemporalTarget(directory: string): Promise<ServerTarget<RunningServer & { address: string }>> {
  const cli = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI });
  const dataDir = join(directory, 'temporal');
  const first = await startTemporal({ cli, dataDir, ui: false });
  return createServerTarget('temporal', first, ({ address }) =>
    startTemporal({ cli, dataDir, ui: false, port: Number(address.slice(address.lastIndexOf(':') + 1)) }),
  );
}

function createServerTarget<ServerT extends RunningServer>(
  kind: Kind,
  first: ServerT,
  startAgain: (last: ServerT) => Promise<ServerT>,
): ServerTarget<ServerT> {
  let server = first;
  let up: Promise<void> = Promise.resolve();
  return {
    kind,
    current: () => server,
    untilUp: () => up,
    async kill() {
      await up;
      await server.kill();
    },
    async start() {
      up = retry(async () => {
        server = await startAgain(server);
      });
      up.catch(() => {});
    },
    async stop() {
      await up;
      await server.stop();
    },
  };
}

/** Its port may be in another's hands for a moment: ports of outgoing connections come from the same range. */
async function retry(start: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + UP_DEADLINE_MS;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(200);
    }
  }
}
