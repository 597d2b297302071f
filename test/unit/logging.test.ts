/** What a process that runs unattended writes. */
import { expect, test } from 'vitest';
import { createLogger } from '../../src/logging.ts';

test('an error that is a field of a line is written with its message, its stack and its cause', () => {
  const lines: string[] = [];
  const log = createLogger({ level: 'info', name: 'worker', write: (line) => lines.push(line) });
  log.warn({ error: new Error('cannot save', { cause: new Error('the disk is full') }), messageId: '7' }, 'Failed');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    error: {
      type: 'Error',
      message: 'cannot save',
      stack: expect.stringContaining('logging.test'),
      cause: { message: 'the disk is full' },
    },
    messageId: '7',
    msg: 'Failed',
  });
});
