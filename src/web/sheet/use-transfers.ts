/** Files on their way into the sheet and out of it, with how far they are. One at a time in each direction. */
import { useRef, useState } from 'react';
import { errorMessage } from '../../errors.ts';
import { api } from '../client.ts';
import { formatBytes, formatCount } from '../format.ts';
import { go, links } from '../router.ts';
import { toast } from '../toasts.tsx';
import { formatOfFile, upload } from '../upload.ts';
import { type ExportFormat, exportAddress } from './sheet-requests.ts';

export interface Transfer {
  text: string;
  /** From 0 to 1; undefined where nobody can tell. */
  part: number | undefined;
  cancel(): void;
}

export interface Transfers {
  importing: Transfer | undefined;
  exporting: Transfer | undefined;
  /** A file for a sheet that is not empty: it waits for `importInto` or `cancelImport`. */
  waiting: File | undefined;
  importFile(file: File): Promise<void>;
  importInto(sheetId: string): void;
  cancelImport(): void;
  exportAs(format: ExportFormat, at: bigint | undefined): Promise<void>;
}

export function useTransfers(sheetId: string): Transfers {
  const [importing, setImporting] = useState<Transfer>();
  const [exporting, setExporting] = useState<Transfer>();
  const [waiting, setWaiting] = useState<File>();
  const isBusy = useRef({ importing: false, exporting: false });

  async function run(
    kind: 'importing' | 'exporting',
    body: (show: (text: string, part?: number) => void, signal: AbortSignal) => Promise<string>,
  ) {
    if (isBusy.current[kind]) {
      return;
    }
    const show = kind === 'importing' ? setImporting : setExporting;
    const controller = new AbortController();
    isBusy.current[kind] = true;
    try {
      toast(await body((text, part) => show({ text, part, cancel: () => controller.abort() }), controller.signal));
    } catch (error) {
      if (!controller.signal.aborted) {
        toast(errorMessage(error), 'danger');
      }
    } finally {
      isBusy.current[kind] = false;
      show(undefined);
    }
  }

  const send = (file: File, into: string) =>
    run('importing', async (show, signal) => {
      const format = formatOfFile(file);
      if (format === undefined) {
        throw new Error(`'${file.name}' is neither CSV nor XLSX. Save it as one of these and try again.`);
      }
      show(`Sending ${file.name}`, 0);
      const { rows } = await upload<{ rows: number }>(api.importAddress(into, format, file.name), file, {
        signal,
        onProgress: (part) => show(part < 1 ? `Sending ${file.name}` : `Importing ${file.name}`, part < 1 ? part : undefined),
      });
      if (into !== sheetId) {
        go(links.sheet(into));
      }
      return `${file.name} is imported: ${formatCount(rows)} rows.`;
    });

  return {
    importing,
    exporting,
    waiting,
    async importFile(file) {
      try {
        if (formatOfFile(file) !== undefined && (await api.hasEntries(sheetId))) {
          setWaiting(file);
        } else {
          await send(file, sheetId);
        }
      } catch (error) {
        toast(errorMessage(error), 'danger');
      }
    },
    importInto(into) {
      setWaiting(undefined);
      if (waiting) {
        void send(waiting, into);
      }
    },
    cancelImport: () => setWaiting(undefined),
    exportAs: (format, at) =>
      run('exporting', async (show, signal) => {
        show('Exporting');
        const response = await fetch(exportAddress(sheetId, format, at), { credentials: 'same-origin', signal });
        if (!response.ok || response.body === null) {
          const { detail = `The server answered ${response.status}.` } = await response.json().catch(() => ({}));
          throw new Error(detail);
        }
        const parts: BlobPart[] = [];
        let bytes = 0;
        for (const reader = response.body.getReader(); ; ) {
          const { done, value } = await reader.read();
          if (done) {
            break;
          }
          parts.push(value);
          bytes += value.byteLength;
          show(`Exporting, ${formatBytes(bytes)}`);
        }
        const name = `${sheetId}${at === undefined ? '' : `-${at}`}.${format === 'xlsx' ? 'xlsx' : 'csv'}`;
        save(new Blob(parts), name);
        return `${name} is saved: ${formatBytes(bytes)}.`;
      }),
  };
}

function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // Not before the browser has taken hold of it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
