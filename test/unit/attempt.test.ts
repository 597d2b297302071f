/** How long an attempt may run, and what ends it before its handler has returned. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RunningAttempt } from '../../src/work/attempt.ts';

const never = () => new Promise<string>(() => {});

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => vi.useRealTimers());

test('those under one signal are all aborted by it, with its reason, but for those that have ended', async () => {
  const parent = new AbortController();
  const [first, second, ended] = Array.from({ length: 3 }, () => new RunningAttempt(parent.signal, 1_000));
  const outcomes = [first, second].map((attempt) => attempt?.unlessAborted(never()));
  const before = first?.signal;
  ended?.end();
  parent.abort(new Error('the worker stops'));
  for (const outcome of outcomes) await expect(outcome).rejects.toThrow('the worker stops');
  expect([before?.aborted, second?.signal.aborted, ended?.signal.aborted]).toEqual([true, true, false]);
});

test('under a signal that is aborted already it is aborted from its beginning', async () => {
  const attempt = new RunningAttempt(AbortSignal.abort(new Error('too late')), 1_000);
  await expect(attempt.unlessAborted(never())).rejects.toThrow('too late');
  expect(attempt.signal.reason).toEqual(new Error('too late'));
});

test('the deadline counts from where it last got further, and not after its end', async () => {
  const parent = new AbortController().signal;
  const [silent, busy, ended] = Array.from({ length: 3 }, () => new RunningAttempt(parent, 1_000));
  ended?.end();
  await vi.advanceTimersByTimeAsync(900);
  busy?.extend();
  await vi.advanceTimersByTimeAsync(900);
  expect([silent, busy, ended].map((attempt) => attempt?.signal.aborted)).toEqual([true, false, false]);
  expect(String(silent?.signal.reason)).toContain('1000 ms');
});

test('what aborts it first is its reason', async () => {
  const attempt = new RunningAttempt(new AbortController().signal, 1_000);
  attempt.abort(new Error('first'));
  attempt.abort(new Error('second'));
  expect(attempt.signal.reason).toEqual(new Error('first'));
  await expect(attempt.unlessAborted(Promise.resolve('late'))).rejects.toThrow('first');
});
