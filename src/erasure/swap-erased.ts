import { TidemarkError, UnavailableError } from '../errors.ts';
import type { BlobId, SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import type { Pool } from '../postgres/pool.ts';
import { inSchema } from '../postgres/queryable.ts';
import { inTransaction } from '../postgres/transaction.ts';
import { recordProgress } from '../work/end.ts';
import type { Unit } from '../work/unit.ts';

export interface SwapErasedOptions {
  pool: Pool;
  schema: string;
  unit: Unit;
  /** The first entry that the log held when it was read. */
  first: SequenceId;
  snapshot: BlobId;
  /** The one snapshot of before that stays, and what takes its place. */
  base?: SnapshotValue | undefined;
  /** The newest history, of which entry, and what takes its place; absent where the log has none. */
  history?: { at: SequenceId; before: BlobId; after: BlobId } | undefined;
  /** Of the unit, from then on. */
  progress: unknown;
}

/**
 * The log refers to what holds no erased values, and to nothing else: in one transaction with the progress that says so.
 * @returns false where the entry asks for no erasure any more: nothing was changed
 * @throws FencedError; UnavailableError where the log has another history by now, or was truncated
 */
export async function swapErased({ pool, schema, unit, first, snapshot, base, history, progress }: SwapErasedOptions): Promise<boolean> {
  const { logId, sequenceId } = unit.entry as { logId: string; sequenceId: SequenceId };
  return inTransaction(pool, async (client) => {
    const db = inSchema(client, schema);
    const { rows } = await db.query(
      `select ${db.schema}.swap_erased(
         $1::text, $2::bigint, $3::text, $4::bigint, $5::text, $6::bigint, $7::text, $8::bigint, $9::text, $10::text) as answer`,
      [
        logId,
        sequenceId.toString(),
        unit.id,
        first.toString(),
        snapshot,
        base?.sequenceId.toString() ?? null,
        base?.blobId ?? null,
        history?.at.toString() ?? null,
        history?.before ?? null,
        history?.after ?? null,
      ],
    );
    switch (rows[0].answer) {
      case 'swapped':
        await recordProgress(db, unit, progress);
        return true;
      case 'over':
        return false;
      case 'changed':
        throw new UnavailableError(
          `Log '${logId}' got another history, or was truncated, while its values were erased. Erased again from there.`,
        );
      default:
        throw new TidemarkError('unexpected', `swap_erased answered '${rows[0].answer}'. Migrate the database to this version.`);
    }
  });
}
