/** Sequence ids: bigints from 0n, decimal strings wherever a bigint cannot go (JSON, Temporal, SQL parameters). */
import { InvalidInputError } from '../errors.ts';
import type { SequenceId } from './event-log.ts';

/** What a bigint column holds. */
export const MAX_SEQUENCE_ID = 2n ** 63n - 1n;

/**
 * @example parseSequenceId('41') === 41n
 * @throws InvalidInputError for anything but a decimal integer from 0 to 2^63 - 1, without sign, space or leading zero
 */
export function parseSequenceId(text: string): SequenceId {
  if (typeof text === 'string' && /^(0|[1-9][0-9]{0,18})$/.test(text)) {
    const sequenceId = BigInt(text);
    if (sequenceId <= MAX_SEQUENCE_ID) {
      return sequenceId;
    }
  }
  throw new InvalidInputError(
    `'${String(text).slice(0, 60)}' is not a sequence id: use a decimal integer from 0 to ${MAX_SEQUENCE_ID}, without sign or leading zeros.`,
  );
}

/** @throws InvalidInputError where JavaScript was given another kind of value */
export function checkSequenceId(sequenceId: unknown): asserts sequenceId is SequenceId {
  if (typeof sequenceId !== 'bigint') {
    throw new InvalidInputError(
      `Sequence id ${String(sequenceId)} is a ${typeof sequenceId}, not a bigint: write ${typeof sequenceId === 'number' ? `${sequenceId}n` : '0n'}, or parseSequenceId for text.`,
    );
  }
}

/** For a bigint parameter. Ids that no log can hold become -1, which no log holds either, so that SQL refuses them as any other. */
export function sequenceIdParameter(sequenceId: SequenceId): string {
  return sequenceId < 0n || sequenceId > MAX_SEQUENCE_ID ? '-1' : sequenceId.toString();
}
