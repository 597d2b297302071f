/** The starter process of the drill. */
import { createPool } from '../../src/postgres/pool.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { startStarter } from '../../src/temporal/start-starter.ts';
import { SCHEMA, STARTER_SETTINGS } from './drill-settings.ts';
import { beginProcess, untilServersAnswer } from './process-start.ts';
import { UP_LINE } from './process-target.ts';

const { databaseUrl, temporalAddress, log } = beginProcess();
const temporal = { address: temporalAddress, namespace: 'default' };
const pool = createPool({
  connectionString: databaseUrl,
  max: 12,
  applicationName: 'drill starter',
  onError: (error) => log('warn', `postgres: ${error.message}`),
});
await untilServersAnswer(pool, temporal);
await startStarter({
  ...STARTER_SETTINGS,
  pool,
  schema: SCHEMA,
  client: await connectClient(temporal),
  connectionString: databaseUrl,
  eager: false,
  log,
});
console.log(UP_LINE);
