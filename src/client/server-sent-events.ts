/** Server-Sent Events of one connection, one after the other, until it ends or breaks. One on which not even a heartbeat comes is given up. */
import { createParser, type EventSourceMessage } from 'eventsource-parser';

export class LostConnectionError extends Error {}

/** @param silenceMs a connection is given up after so long without a byte. @throws LostConnectionError */
export async function* messagesIn(body: ReadableStream<Uint8Array>, silenceMs: number): AsyncGenerator<EventSourceMessage> {
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void messages.push(message) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await readOrLose(reader, silenceMs);
      if (done) {
        return;
      }
      parser.feed(decoder.decode(value, { stream: true }));
      yield* messages.splice(0);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function readOrLose(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  silenceMs: number,
): Promise<{ done: boolean; value?: Uint8Array | undefined }> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LostConnectionError(`Nothing came for ${silenceMs} ms.`)), silenceMs);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (error) {
    throw error instanceof LostConnectionError ? error : new LostConnectionError('The connection broke.', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
