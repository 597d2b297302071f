import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EmbeddedTemporal, TemporalOptions } from '../../src/embedded/temporal.ts';
import { SetupError } from '../../src/errors.ts';
import { createTestDirectory, startTestTemporal } from '../support/servers.ts';

let directory: Awaited<ReturnType<typeof createTestDirectory>>;
const started: EmbeddedTemporal[] = [];

beforeEach(async () => {
  directory = await createTestDirectory();
});

afterEach(async () => {
  for (const temporal of started.splice(0)) await temporal.kill();
  await directory.remove();
});

async function start(options: Partial<TemporalOptions> = {}): Promise<EmbeddedTemporal> {
  const temporal = await startTestTemporal(directory.path, options);
  started.push(temporal);
  return temporal;
}

async function withClient<T>({ address }: EmbeddedTemporal, body: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await body(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

test('a workflow that was started is there after SIGKILL and a start on the same file', async () => {
  const first = await start();
  await withClient(first, (client) => client.workflow.start('anything', { workflowId: 'kept', taskQueue: 'nobody' }));
  await first.kill();
  expect(await first.exited).toBe('signal SIGKILL');

  const second = await start();
  expect(second.dataFile).toBe(first.dataFile);
  const described = await withClient(second, (client) => client.workflow.getHandle('kept').describe());
  expect(described.status.name).toBe('RUNNING');
});

test('it has the search attributes LogId and Kind, as it starts and as it starts again', async () => {
  for (const _ of ['new', 'kept']) {
    const temporal = await start();
    const { customAttributes } = await withClient(temporal, (client) =>
      (client.connection as Connection).operatorService.listSearchAttributes({ namespace: 'default' }),
    );
    expect(customAttributes).toMatchObject({ LogId: 2, Kind: 2 });
    await temporal.stop();
  }
});

test('the web UI answers where it is asked for, and is not there where it is not', async () => {
  const withUi = await start({ ui: true });
  expect((await fetch(`${withUi.uiUrl}/namespaces/default/workflows`)).status).toBe(200);
  await withUi.stop();
  expect((await start()).uiUrl).toBeUndefined();
});

describe('refused in one line that says what to do:', () => {
  async function refusal(options: Partial<TemporalOptions>): Promise<string> {
    const error: unknown = await start(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SetupError);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }

  test('a port in use, of the server and of the web UI', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    expect(await refusal({ port })).toBe(
      `Port ${port} on 127.0.0.1 is in use: stop what listens there, or choose another port for the Temporal server.`,
    );
    expect(await refusal({ ui: true, uiPort: port })).toContain("choose another port for Temporal's web UI");
    server.close();
  });

  test('a program that ends at once', async () => {
    expect(await refusal({ cli: { path: '/bin/false', version: '1.9.1', source: 'test' } })).toMatch(
      /it ended with exit code 1 \(its log: .*temporal\.log\)\.$/,
    );
  });

  test('a program that never answers, after its deadline, with nothing left running', async () => {
    const path = join(directory.path, 'silent');
    const pidFile = join(directory.path, 'silent.pid');
    await writeFile(path, `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 60\n`, { mode: 0o755 });
    expect(await refusal({ cli: { path, version: '1.9.1', source: 'test' }, startDeadlineMs: 500 })).toMatch(/it was not ready after/);
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });
});
