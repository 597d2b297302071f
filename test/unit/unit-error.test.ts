/** What is kept of an error is text that Postgres takes and can read again. */
import { expect, test } from 'vitest';
import { unitError } from '../../src/work/classify-error.ts';

test('without NUL and halves of characters, in code, message, cause and stack', () => {
  const error = Object.assign(new Error('a\0b\ud83dc', { cause: new Error('\ude42') }), {
    code: 'X\0',
    stack: 'Error: a\0b\n  at c \ud83d',
  });
  expect(unitError(error)).toEqual({ code: 'X\ufffd', message: 'a\ufffdb\ufffdc (\ufffd)', stack: 'Error: a\ufffdb\n  at c ' });
});

test('cut between characters, never inside of one', () => {
  const { message } = unitError(new Error(`${'x'.repeat(1_999)}🙂🙂`));
  expect(message).toBe('x'.repeat(1_999));
  expect(unitError(new Error(`${'x'.repeat(1_998)}🙂🙂`)).message).toBe(`${'x'.repeat(1_998)}🙂`);
});

test('whole characters stay', () => {
  expect(unitError(new Error('Zürich 東京 🙂')).message).toBe('Zürich 東京 🙂');
});
