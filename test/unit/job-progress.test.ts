import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createProgressRecorder, type JobProgress } from '../../src/jobs/job-progress.ts';

/** A database that answers when it is told to. */
function slowDatabase() {
  const begun: { progress: JobProgress; answer: () => void; fail: (error: Error) => void }[] = [];
  const write = (progress: JobProgress) =>
    new Promise<void>((resolve, reject) => {
      begun.push({ progress, answer: resolve, fail: reject });
    });
  return { begun, recorder: createProgressRecorder({}, write) };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('the end of an attempt waits for what is being written, and writes what was said after it', async () => {
  const { begun, recorder } = slowDatabase();
  void recorder.say(0.5);
  await recorder.say(0.9);
  vi.advanceTimersByTime(200);
  let isFlushed = false;
  const flushed = recorder.flush().then(() => {
    isFlushed = true;
  });
  await setImmediate();
  expect(begun.map(({ progress }) => progress.fraction)).toEqual([0.5]);
  begun[0]?.answer();
  await setImmediate();
  expect(begun.map(({ progress }) => progress.fraction)).toEqual([0.5, 0.9]);
  expect(isFlushed).toBe(false);
  begun[1]?.answer();
  await flushed;
});

test('the end of an attempt waits for a write of its last progress that is under way', async () => {
  const { begun, recorder } = slowDatabase();
  void recorder.say(1);
  const flushed = recorder.flush().then(() => 'flushed');
  await setImmediate();
  expect(await Promise.race([flushed, setImmediate('not yet')])).toBe('not yet');
  begun[0]?.answer();
  expect(await flushed).toBe('flushed');
  expect(begun).toHaveLength(1);
});

test('what could not be written is written at the end of the attempt', async () => {
  const { begun, recorder } = slowDatabase();
  const said = recorder.say(0.5);
  begun[0]?.answer();
  await said;
  await recorder.say(0.9);
  vi.advanceTimersByTime(200);
  begun[1]?.fail(new Error('connection terminated'));
  await setImmediate();
  await expect(recorder.say(1)).rejects.toThrow('connection terminated');
  const flushed = recorder.flush();
  await setImmediate();
  expect(begun[2]?.progress.fraction).toBe(0.9);
  begun[2]?.answer();
  await flushed;
});
