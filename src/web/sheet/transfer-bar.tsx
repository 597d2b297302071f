import type { Transfer } from './use-transfers.ts';

/** How far a file is on its way. */
export function TransferBar({ transfer }: { transfer: Transfer }) {
  return (
    <div className="sheet-transfer" role="status">
      <span>{transfer.text}</span>
      <progress aria-label={transfer.text} max={1} value={transfer.part} />
      <button type="button" className="sheet-link" onClick={transfer.cancel}>
        Cancel
      </button>
    </div>
  );
}
