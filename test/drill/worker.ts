/** A worker process of the drill: both log types and the subscriptions, with or without a starter loop. What ends it ends the process; the drill starts it again. */
import { createWorkerPools } from '../../src/cli/worker-pools.ts';
import { createRegistry } from '../../src/registry.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { startWorker } from '../../src/temporal/start-worker.ts';
import { bankAccount } from '../support/bank-account.ts';
import { openBlobPlace } from './blob-places.ts';
import { drillChanges } from './change-app.ts';
import { SCHEMA, STARTER_SETTINGS } from './drill-settings.ts';
import { drillTopics, drillWorkers } from './message-app.ts';
import { beginProcess, untilServersAnswer } from './process-start.ts';
import { UP_LINE } from './process-target.ts';

const { databaseUrl, temporalAddress, blobs, startsExecutions, log } = beginProcess();
const temporal = { address: temporalAddress, namespace: 'default' };
const { pool, statements } = createWorkerPools(databaseUrl, 'worker', (error) => log('warn', `postgres: ${error.message}`));
await untilServersAnswer(pool, temporal);
const worker = await startWorker({
  registry: createRegistry({ logTypes: [sheet, bankAccount], topics: drillTopics, workers: drillWorkers(pool), changes: drillChanges() }),
  pool,
  statements,
  schema: SCHEMA,
  blobs: openBlobPlace(blobs),
  temporal,
  starter: startsExecutions && { ...STARTER_SETTINGS, connectionString: databaseUrl, log },
});
console.log(UP_LINE);
await worker.ended;
