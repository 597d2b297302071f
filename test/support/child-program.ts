/** A worker, or a starter alone, as a process that a test may stop and kill. See worker-process.ts. */
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { startStarter } from '../../src/temporal/start-starter.ts';
import { startWorker } from '../../src/temporal/start-worker.ts';
import { scriptedRegistry } from './scripted-app.ts';
import type { ChildSettings } from './worker-process.ts';

const { kind, databaseUrl, temporalAddress, blobsPath, workflowBundlePath, starter } = JSON.parse(
  process.argv[2] as string,
) as ChildSettings;
const log = (level: string, message: string) => console.log(`${new Date().toISOString()} ${level} ${message}`);
installRuntime({ verbose: false, log });
const pool = createPool({ connectionString: databaseUrl, max: 20, onError: (error) => log('warn', error.message) });
const temporal = { address: temporalAddress, namespace: 'default' };
const started =
  kind === 'starter'
    ? startStarter({ ...starter, pool, schema: 'tidemark', client: await connectClient(temporal), eager: false, log })
    : startWorker({
        registry: scriptedRegistry(pool, true),
        pool,
        schema: 'tidemark',
        blobs: createDirectoryBlobStore({ path: blobsPath }),
        temporal,
        starter: starter && { ...starter, log },
        workflowBundle: { codePath: workflowBundlePath },
      });
await started;
console.log('up');
