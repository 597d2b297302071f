import { describe, expect, test } from 'vitest';
import { keepRunning, type Running } from '../../src/cli/keep-running.ts';
import { waitUntilReachable } from '../../src/cli/wait-until-reachable.ts';
import { SetupError, UnavailableError } from '../../src/errors.ts';
import { createLogger } from '../../src/logging.ts';

function createLog() {
  const messages: string[] = [];
  const log = createLogger({ level: 'info', name: 'test', write: (line) => messages.push(JSON.parse(line).msg) });
  return { log, messages };
}

const never = new AbortController().signal;

describe('waiting for a server', () => {
  test('goes on until it answers, and says so', async () => {
    const { log, messages } = createLog();
    let calls = 0;
    const probe = async () => {
      calls += 1;
      if (calls < 3) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', address: '127.0.0.1', port: 1 });
    };
    await waitUntilReachable({ name: 'Postgres', probe, log, signal: never });
    expect(calls).toBe(3);
    expect(messages).toEqual([
      expect.stringContaining('Postgres does not answer yet, trying again: Nothing answers at 127.0.0.1:1 (ECONNREFUSED)'),
      expect.stringContaining('Postgres does not answer yet'),
      'Postgres answers',
    ]);
  });

  test('ends at the deadline with what was wrong', async () => {
    const { log } = createLog();
    const probe = async () => {
      throw new UnavailableError('Temporal does not answer at 127.0.0.1:1.');
    };
    const startedAt = performance.now();
    await expect(waitUntilReachable({ name: 'Temporal', probe, log, signal: never, deadlineMs: 1_000 })).rejects.toThrow(
      'Temporal did not answer for 1 s: Temporal does not answer at 127.0.0.1:1.',
    );
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  test('does not wait for what waiting cannot mend', async () => {
    const { log, messages } = createLog();
    const probe = async () => {
      throw new SetupError('The database is older than this version.');
    };
    await expect(waitUntilReachable({ name: 'Postgres', probe, log, signal: never })).rejects.toThrow(SetupError);
    expect(messages).toEqual([]);
  });

  test('ends quietly when it is told to stop', async () => {
    const { log } = createLog();
    const stop = new AbortController();
    const probe = async () => {
      stop.abort();
      throw new UnavailableError('not there');
    };
    await waitUntilReachable({ name: 'Postgres', probe, log, signal: stop.signal });
  });
});

describe('keeping something running', () => {
  function createWorker(): Running & { fail(error: Error): void; stops: number } {
    let settle = { resolve: () => {}, reject: (_: Error) => {} };
    const ended = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
    ended.catch(() => {});
    const worker = {
      ended,
      stops: 0,
      async stop() {
        worker.stops += 1;
        settle.resolve();
      },
      fail: (error: Error) => settle.reject(error),
    };
    return worker;
  }

  test('starts again what fails, also when starting fails meanwhile, and stops it when asked', async () => {
    const { log, messages } = createLog();
    const stop = new AbortController();
    const workers: ReturnType<typeof createWorker>[] = [];
    let starts = 0;
    const kept = keepRunning(
      async () => {
        starts += 1;
        if (starts === 2) throw new UnavailableError('no server');
        const worker = createWorker();
        workers.push(worker);
        if (starts === 1) queueMicrotask(() => worker.fail(new Error('transport closed')));
        if (starts === 3) queueMicrotask(() => stop.abort());
        return worker;
      },
      { signal: stop.signal, log },
    );
    await kept;
    expect(starts).toBe(3);
    expect(workers.map(({ stops }) => stops)).toEqual([1, 1]);
    expect(messages).toEqual([
      'running',
      'failed, starting again: transport closed',
      'cannot start, trying again: no server',
      'running',
      'draining',
    ]);
  });

  test('does not hide that the first start fails', async () => {
    const { log } = createLog();
    const start = async () => {
      throw new SetupError('wrong');
    };
    await expect(keepRunning(start, { signal: never, log })).rejects.toThrow('wrong');
  });
});
