/**
 * A second log type, whose fold is not idempotent and not commutative: an entry applied twice, left out or out of order shows in the balance.
 */
import { z } from 'zod';
import { defineLogType } from '../../src/event-log/define-log-type.ts';

const cents = z.int().min(1).max(1_000_000_000);

export const bankEntry = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Opened'), owner: z.string().min(1).max(200) }),
  z.strictObject({ type: z.literal('Deposited'), cents }),
  z.strictObject({ type: z.literal('Withdrawn'), cents }),
  z.strictObject({ type: z.literal('InterestPaid'), basisPoints: z.int().min(0).max(1_000) }),
]);

export type BankEntry = z.output<typeof bankEntry>;

export const bankAccount = defineLogType({
  type: 'bank-account',
  version: 1,
  snapshotEvery: 100,
  entry: bankEntry,
  initial: (): BankAccount => ({ owner: null, balanceCents: 0, entries: 0, refused: 0 }),
  apply: applyBankEntry,
});

export interface BankAccount {
  owner: string | null;
  balanceCents: number;
  entries: number;
  /** Withdrawals over the balance. */
  refused: number;
}

/** The balance stays a safe integer: interest stops at this. */
const MAX_BALANCE_CENTS = 1_000_000_000_000;

/** Plain enough for a checker to repeat. */
export function applyBankEntry(state: BankAccount, entry: BankEntry): BankAccount {
  const next = { ...state, entries: state.entries + 1 };
  switch (entry.type) {
    case 'Opened':
      next.owner = entry.owner;
      break;
    case 'Deposited':
      next.balanceCents += entry.cents;
      break;
    case 'Withdrawn':
      if (entry.cents > state.balanceCents) {
        next.refused += 1;
      } else {
        next.balanceCents -= entry.cents;
      }
      break;
    case 'InterestPaid':
      if (state.balanceCents < MAX_BALANCE_CENTS) {
        next.balanceCents += Math.floor((state.balanceCents * entry.basisPoints) / 10_000);
      }
      break;
    default:
      throw new TypeError(`type '${(entry as { type: string }).type}' is no entry of a bank account`);
  }
  return next;
}

/** Some entry, the same for the same number: for logs that many processes write and a checker repeats. */
export function bankEntryFor(number: number): BankEntry {
  switch (number % 4) {
    case 0:
      return { type: 'Deposited', cents: 1 + ((number * 7_919) % 100_000) };
    case 1:
      return { type: 'InterestPaid', basisPoints: number % 50 };
    case 2:
      return { type: 'Withdrawn', cents: 1 + ((number * 104_729) % 60_000) };
    default:
      return number % 40 === 3 ? { type: 'Opened', owner: `owner-${number}` } : { type: 'Deposited', cents: 1 + (number % 977) };
  }
}
