/** The servers of a process end with it, however it ends. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { findTemporalCli } from '../../src/embedded/temporal-binaries.ts';
import { createTestDirectory } from '../support/servers.ts';

const embedded = fileURLToPath(new URL('../../dist/embedded/', import.meta.url));

const script = `
const [embedded, directory, cliPath] = process.argv.slice(1);
const { startPostgres } = await import(embedded + 'postgres.js');
const { startTemporal } = await import(embedded + 'temporal.js');
const [postgres, temporal] = await Promise.all([
  startPostgres({ dataDir: directory + '/postgres/data' }),
  startTemporal({ cli: { path: cliPath, version: 'test', source: 'test' }, dataDir: directory + '/temporal', ui: false }),
]);
console.log(JSON.stringify([postgres.pid, temporal.pid]));
process.stdin.on('data', () => process.exit(0));
`;

test.concurrent.each(['SIGKILL', 'SIGTERM', 'SIGINT', 'exit'] as const)('%s', async (end) => {
  expect(existsSync(join(embedded, 'postgres.js')), 'build first: npm run build').toBe(true);
  const { path } = await findTemporalCli({ configuredPath: process.env.TEMPORAL_CLI });
  const directory = await createTestDirectory();
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, pathToFileURL(embedded).href, directory.path, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let servers: number[] = [];
  try {
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    servers = JSON.parse(value ?? '[]');
    expect(servers).toHaveLength(2);
    expect(servers.every(isRunning)).toBe(true);

    if (end === 'exit') child.stdin.write('end\n');
    else child.kill(end);
    await vi.waitFor(() => expect(servers.filter(isRunning)).toEqual([]), { timeout: 15_000, interval: 50 });
  } finally {
    child.kill('SIGKILL');
    for (const pid of servers.filter(isRunning)) process.kill(pid, 'SIGKILL');
    await directory.remove();
  }
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
