/** The thread that reads a workbook for read-in-thread.ts: a page for every 'next', then 'end', or what went wrong. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorMessage, InvalidInputError } from '../../errors.ts';
import { type ReadXlsxOptions, readXlsx, type XlsxPage } from './read-xlsx.ts';

export type ThreadMessage =
  | { kind: 'page'; page: XlsxPage }
  | { kind: 'end' }
  | { kind: 'refused'; message: string }
  | { kind: 'failed'; message: string; code: string | undefined };

const port = parentPort;
if (port === null) {
  throw new Error('This file runs as a thread.');
}
const pages = readXlsx(workerData as ReadXlsxOptions);

port.on('message', () => {
  pages.next().then(
    ({ value, done }) => port.postMessage((done ? { kind: 'end' } : { kind: 'page', page: value }) as ThreadMessage),
    (error: unknown) => {
      const message = errorMessage(error);
      const answer: ThreadMessage =
        error instanceof InvalidInputError
          ? { kind: 'refused', message }
          : { kind: 'failed', message, code: (error as NodeJS.ErrnoException).code };
      port.postMessage(answer);
    },
  );
});
