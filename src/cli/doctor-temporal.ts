/** What doctor says about Temporal: whether it answers, its namespace, its search attributes, and who polls. */
import { type Client, type Connection, isGrpcServiceError } from '@temporalio/client';
import { errorMessage } from '../errors.ts';
import { createPool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { connectClient, missingSearchAttributes } from '../temporal/connection.ts';
import { taskQueueOf } from '../temporal/task-queue.ts';
import { installationId } from '../work/register.ts';
import { checkSchedules } from './doctor-schedules.ts';
import type { Finding } from './finding.ts';
import type { Targets } from './targets.ts';

const DEADLINE_MS = 5_000;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;

export async function checkTemporal(targets: Targets, app?: string): Promise<Finding[]> {
  let client: Client;
  try {
    client = await connectClient(targets.temporal);
  } catch (error) {
    return [{ check: 'temporal', state: 'wrong', found: errorMessage(error) }];
  }
  const findings: Finding[] = [];
  try {
    findings.push(await checkServer(client, targets));
    const namespace = await checkNamespace(client);
    findings.push(namespace);
    if (namespace.state !== 'wrong') {
      findings.push(
        await checkSearchAttributes(client),
        await checkPollers(client, targets),
        ...(await checkSchedules(client, targets, app)),
      );
    }
  } catch (error) {
    findings.push({ check: 'temporal', state: 'wrong', found: errorMessage(error) });
  } finally {
    await (client.connection as Connection).close();
  }
  return findings;
}

async function checkServer(client: Client, { temporal }: Targets): Promise<Finding> {
  const info = await deadline(client, () => client.workflowService.getSystemInfo({}));
  return { check: 'temporal', state: 'ok', found: `Temporal ${info.serverVersion || 'of unknown version'} at ${temporal.address}` };
}

async function checkNamespace(client: Client): Promise<Finding> {
  const { namespace } = client.options;
  try {
    const { config } = await deadline(client, () => client.workflowService.describeNamespace({ namespace }));
    const days = Math.round(Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 8_640) / 10;
    return { check: 'namespace', state: 'ok', found: `${namespace}, keeps closed executions for ${days} days` };
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === NOT_FOUND) {
      return {
        check: 'namespace',
        state: 'wrong',
        found: `there is no namespace '${namespace}'`,
        fix: `Run: temporal operator namespace create ${namespace} — or correct TEMPORAL_NAMESPACE.`,
      };
    }
    if (isGrpcServiceError(error) && error.code === PERMISSION_DENIED) {
      return {
        check: 'namespace',
        state: 'wrong',
        found: `this key may not use namespace '${namespace}'`,
        fix: 'Correct TEMPORAL_API_KEY or TEMPORAL_NAMESPACE.',
      };
    }
    throw error;
  }
}

async function checkSearchAttributes(client: Client): Promise<Finding> {
  const missing = await missingSearchAttributes(client);
  if (missing.length === 0) {
    return { check: 'search attributes', state: 'ok', found: 'LogId, Kind' };
  }
  const names = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
  return {
    check: 'search attributes',
    state: 'warning',
    found: `missing: ${missing.join(', ')}; executions cannot be searched by them`,
    fix: `Run: temporal operator search-attribute create -n ${client.options.namespace} ${names}`,
  };
}

async function checkPollers(client: Client, { databaseUrl, schema }: Targets): Promise<Finding> {
  const pool = createPool({ connectionString: databaseUrl, max: 1, applicationName: 'tidemark doctor' });
  try {
    const name = taskQueueOf(await installationId(inSchema(pool, schema)));
    const { pollers } = await deadline(client, () =>
      client.workflowService.describeTaskQueue({ namespace: client.options.namespace, taskQueue: { name }, taskQueueType: 1 }),
    );
    const workers = new Set((pollers ?? []).map(({ identity }) => identity));
    return workers.size > 0
      ? { check: 'workers', state: 'ok', found: `${workers.size} seen on ${name} in the last minutes: ${[...workers].join(', ')}` }
      : {
          check: 'workers',
          state: 'warning',
          found: `none on ${name} in the last minutes: nothing is carried out`,
          fix: "Start one: 'tidemark worker'.",
        };
  } catch (error) {
    return { check: 'workers', state: 'warning', found: `unknown: ${errorMessage(error)}` };
  } finally {
    await pool.end();
  }
}

function deadline<T>(client: Client, call: () => Promise<T>): Promise<T> {
  return client.connection.withDeadline(Date.now() + DEADLINE_MS, call);
}
