/** Places in the write-ahead log: '16/B374D848' as Postgres writes them, a bigint to compare. */
import { InvalidInputError } from '../errors.ts';

export type Lsn = bigint;

/** @throws InvalidInputError */
export function parseLsn(text: string): Lsn {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) {
    throw new InvalidInputError(`'${text.slice(0, 40)}' is no place in the write-ahead log. Give one such as 0/16B3748.`);
  }
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}
