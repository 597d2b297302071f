import { expect, test } from 'vitest';
import { defineEntryWork, InvalidInputError } from '../../src/index.ts';

const work = { name: 'send-invoice', handler: async () => {} };

test.each([
  [{ name: 'Invoice' }, "'Invoice' cannot name entry work: use 1 to 63 of a-z"],
  [{ name: 'snapshot' }, "'snapshot' cannot name entry work"],
  [{ maxAttempt: 3 }, "'maxAttempt' is no option of entry work 'send-invoice'. There are name, logType"],
  [{ maxAttempts: 0 }, "maxAttempts 0 of entry work 'send-invoice' is not an integer from 1 to 2147483647"],
  [{ deadlineMs: 2 ** 31 }, 'deadlineMs 2147483648'],
  [{ deadlineMs: Number.NaN }, 'deadlineMs NaN'],
  [{ handler: undefined }, "Entry work 'send-invoice' has no handler"],
])('a definition with %j is refused', (change, message) => {
  const define = () => defineEntryWork({ ...work, ...change } as typeof work);
  expect(define).toThrow(InvalidInputError);
  expect(define).toThrow(message);
});

test('a definition with every option is taken as it is', () => {
  const whole = { ...work, long: true, deadlineMs: 1, maxAttempts: 2 ** 31 - 1 };
  expect(defineEntryWork(whole)).toBe(whole);
});
