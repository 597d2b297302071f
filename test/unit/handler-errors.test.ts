/** Whose fault an error of a handler is, alone and in a batch. */
import { expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';
import { createHandlerErrors } from '../../src/work/handler-errors.ts';
import { NonRetryableError, retryInMs } from '../../src/work/retry-policy.ts';
import type { Unit } from '../../src/work/unit.ts';

const unit = { failures: 0 } as Unit;
const worker = { owner: "subscription 's'", retry: { initialMs: 40, jitter: 0 } };
const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

test('what the handler throws is its own, also where a service does not answer; of what it did not throw an outage is nobody’s', () => {
  const errors = createHandlerErrors(worker, undefined);
  expect(errors.verdictOf(errors.own(refused), unit)).toEqual({ retryInMs: 40 });
  expect(errors.verdictOf(errors.own(new NonRetryableError('gone')), unit)).toEqual({ fatal: true });
  expect(errors.verdictOf(Object.assign(new Error('other'), { code: 'ECONNREFUSED' }), unit)).toBeUndefined();
  expect(errors.verdictOf(new InvalidInputError('cannot be read'), unit)).toEqual({ fatal: true });
  expect(errors.verdictOf(errors.own('text'), unit)).toEqual({ retryInMs: 40 });
});

test.each([
  [{}, [500, 1_000, 600_000]],
  [{ initialMs: 3_600_000 }, [3_600_000, 3_600_000, 3_600_000]],
  [{ initialMs: 3_600_000, maxMs: 1_000 }, [1_000, 1_000, 1_000]],
])('with %j the first, second and thirtieth interval are %j', (policy, intervals) => {
  expect([1, 2, 30].map((attempt) => retryInMs(new Error('x'), attempt, { ...policy, jitter: 0 }))).toEqual(intervals);
});

test('an outage of the database of the attempt says nothing of the handler, also where it has wrapped the error', async () => {
  const errors = createHandlerErrors(worker, undefined);
  await expect(errors.watch(Promise.reject(refused))).rejects.toBe(refused);
  expect(errors.verdictOf(errors.own(refused), unit)).toEqual({ outage: true });
  expect(errors.verdictOf(errors.own(new Error('cannot save', { cause: refused })), unit)).toEqual({ outage: true });
});

test('a retry.when that throws is logged, and the rest of the policy applies', () => {
  const lines: string[] = [];
  const when = () => {
    throw new Error('broken');
  };
  const errors = createHandlerErrors({ ...worker, retry: { ...worker.retry, when } }, (level, text) => lines.push(`${level} ${text}`));
  expect(errors.verdictOf(errors.own(new Error('x')), unit)).toEqual({ retryInMs: 40 });
  expect(lines).toEqual(["error retry.when of subscription 's' threw: broken"]);
});
