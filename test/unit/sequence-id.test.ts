import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';
import { checkLogId, checkWorkflowId } from '../../src/event-log/check-names.ts';
import { parseSequenceId } from '../../src/event-log/sequence-id.ts';

describe('parseSequenceId', () => {
  it('gives back every id that was written as a decimal string', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (sequenceId) => {
        expect(parseSequenceId(sequenceId.toString())).toBe(sequenceId);
      }),
    );
  });

  it.each(['', ' ', '-1', '+1', '01', '1.0', '1e3', '0x1', '1n', '1 ', '١', '9223372036854775808', '1'.repeat(500), 1, null, undefined])(
    'refuses %j in one short line',
    (text) => {
      expect(() => parseSequenceId(text as string)).toThrow(InvalidInputError);
      expect(() => parseSequenceId(text as string)).toThrow(/^.{0,200}$/);
    },
  );
});

describe('names', () => {
  it.each(['a', '0', 'orders', 'a.b_c-d', 'x'.repeat(100)])('%s is a log id', (logId) => {
    expect(checkLogId(logId)).toBe(logId);
  });
  it.each(['', 'A', '.a', '-a', '_a', 'a/b', 'a b', 'ä', 'x'.repeat(101), 'a\n', 7, undefined])('%j is no log id', (logId) => {
    expect(() => checkLogId(logId as string)).toThrow(/is not a log id: use 1 to 100 of/);
  });
  it.each(['snapshot', 'a', 'pick-list', 'x1'])('%s is a workflow name', (workflow) => {
    expect(checkWorkflowId(workflow)).toBe(workflow);
  });
  it.each(['', 'Snapshot', '1a', '-a', 'a_b', 'a/b', 'x'.repeat(64), 'a\n', null])('%j is no workflow name', (workflow) => {
    expect(() => checkWorkflowId(workflow as string)).toThrow(InvalidInputError);
  });
});
