/** A bank account, folded and compared: its snapshot is one blob of JSON. */
import { type BlobReader, demand } from './blobs.ts';
import type { Fold } from './check-log.ts';

const NO_INTEREST_FROM = 1_000_000_000_000;

export function createAccountFold(blobs: BlobReader): Fold {
  let owner: unknown = null;
  let balance = 0;
  let entries = 0;
  let refused = 0;
  return {
    apply(type, data) {
      entries += 1;
      const cents = data.cents as number;
      if (type === 'Opened') {
        owner = data.owner;
      } else if (type === 'Deposited') {
        balance += cents;
      } else if (type === 'Withdrawn') {
        if (cents <= balance) balance -= cents;
        else refused += 1;
      } else if (type === 'InterestPaid') {
        if (balance < NO_INTEREST_FROM) balance += Math.floor((balance * (data.basisPoints as number)) / 10_000);
      } else {
        throw new Error(`the checker does not know an entry of type ${type} in a bank account`);
      }
    },
    async compare(snapshot, sequenceId) {
      const content = await blobs.read(snapshot);
      demand('the snapshot', content, {
        format: 'tidemark-state',
        formatVersion: 1,
        logType: 'bank-account',
        typeVersion: 1,
        sequenceId: String(sequenceId),
      });
      const expected = { owner, balanceCents: balance, entries, refused };
      demand('its state', content.state as Record<string, unknown>, expected);
      const fields = Object.keys(content.state as object);
      return fields.length === Object.keys(expected).length ? undefined : `its state has the fields ${fields.join(', ')}`;
    },
  };
}
