/**
 * A workbook read in a thread of its own, with bounded memory: whatever is in the file, this process goes on.
 * One page is read ahead. A thread that runs out of its memory is an InvalidInputError with the limit. The signal ends it wherever it is.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { InvalidInputError } from '../../errors.ts';
import { overLimit } from '../unpack-limits.ts';
import type { ReadXlsxOptions, XlsxPage } from './read-xlsx.ts';
import type { ThreadMessage } from './thread.ts';

/** @throws what readXlsx throws; the signal's reason */
export async function* readXlsxInThread(options: ReadXlsxOptions, signal?: AbortSignal): AsyncGenerator<XlsxPage, void, undefined> {
  signal?.throwIfAborted();
  const { memoryMiB } = options.limits;
  const thread = new Worker(new URL('./thread.js', import.meta.url), {
    workerData: options,
    resourceLimits: { maxOldGenerationSizeMb: memoryMiB },
  });
  // Waited for before anything is asked, so that no answer is missed.
  const answer = () => {
    const waiting = once(thread, 'message', { signal }) as Promise<[ThreadMessage]>;
    waiting.catch(() => {});
    thread.postMessage('next');
    return waiting;
  };
  try {
    for (let coming = answer(); ; ) {
      const [message] = await coming;
      switch (message.kind) {
        case 'page':
          coming = answer();
          yield message.page;
          break;
        case 'end':
          return;
        case 'refused':
          throw new InvalidInputError(message.message);
        case 'failed':
          throw Object.assign(new Error(message.message), message.code === undefined ? {} : { code: message.code });
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
      throw overLimit(options.name, `reading it takes more than the limit of ${memoryMiB} MiB of memory`, 'memoryMiB');
    }
    throw error;
  } finally {
    await thread.terminate();
  }
}
