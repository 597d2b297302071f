/**
 * Whatever dies, an entry committed with `pending` ends with `pending` cleared and a correct snapshot, and a message that was committed is handled by
 * every subscription of its topic, and a row that was changed too: the drill, as its command runs it.
 * Its seed is another one each time, and printed. What it finds is kept, and said where.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { DrillReport } from '../drill/report.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function drill(...args: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['test/drill/run.mjs', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

// Below a minute and a half on a machine that is doing nothing else.
test('thousands of appends and hundreds of messages, every process and server killed again and again: nothing is lost, nothing is done twice', {
  timeout: 900_000,
}, async () => {
  const { code, stdout, stderr } = await drill('--minutes', '0.5', '--json');
  console.log(stderr);
  expect(code, stderr).toBe(0);
  const report: DrillReport = JSON.parse(stdout);
  /** With all that the drill said, because what a busy machine did differently shows there. */
  const seen = <T>(value: T) => expect(value, stderr);
  seen(report.findings).toEqual([]);
  for (const kind of ['worker', 'starter', 'cdc', 'temporal', 'postgres'] as const) {
    seen(report.kills[kind]).toBeGreaterThanOrEqual(5);
  }
  seen(report.appends.acknowledged).toBeGreaterThanOrEqual(5_000);
  seen(report.checked.acknowledgedAppends).toBe(report.appends.acknowledged);
  seen(report.checked.logs).toBeGreaterThanOrEqual(20);
  seen(report.checked.snapshots).toBeGreaterThanOrEqual(100);
  seen(report.checked.completions).toBe(report.snapshots.taken);
  seen(report.bursts.executions).toBeGreaterThan(0);
  seen(report.bursts.finishedInside).toBeGreaterThan(0);
  seen(report.collections).toBeGreaterThan(0);
  seen(report.blobsRemoved).toBeGreaterThanOrEqual(20);
  seen(report.snapshots.long).toBeGreaterThan(0);
  seen(report.snapshots.compacted).toBeGreaterThan(0);
  seen(report.erasures).toBeGreaterThan(5);
  seen(report.checked.erasedSecrets).toBeGreaterThan(5);
  seen(report.checked.archivedEntries).toBeGreaterThan(0);
  seen(report.messages.published).toBeGreaterThan(50);
  seen(report.messages.duplicates).toBeGreaterThan(0);
  seen(report.messages.rolledBack).toBeGreaterThan(0);
  seen(report.messages.redriven).toBeGreaterThan(0);
  seen(report.checked.messages).toBeGreaterThanOrEqual(report.messages.published);
  seen(report.checked.deliveries).toBeGreaterThan(report.checked.messages);
  seen(report.checked.inOrder).toBeGreaterThan(10);
  seen(report.checked.deaths).toBeGreaterThan(0);
  seen(report.checked.changes).toBeGreaterThan(5_000);
  seen(report.checked.changesHandled).toBeGreaterThan(50);
});

test.each([
  [['--minutes', '0'], '--minutes 0 cannot be used: give a number over 0'],
  [['--minutes', 'soon'], '--minutes soon cannot be used'],
  [['--seed', '-1'], '--seed'],
  [['--seed', '4294967296'], '--seed 4294967296 cannot be used: give a whole number from 0 to 4294967295'],
  [['--hours', '1'], "Unknown option '--hours'"],
])('%s is refused in one line', async (args, message) => {
  const { code, stdout, stderr } = await drill(...args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});
