import type { AnyWorker } from '../messages/define-worker.ts';
import type { BatchContext, BatchMessage, Message, MessageContext } from '../messages/message.ts';

/** Runs the handler with one message. One that takes batches gets it in an array of one, and what it fails it with is thrown. */
export async function handleOne(worker: AnyWorker, message: Message, context: MessageContext): Promise<unknown> {
  if (worker.batch === undefined) {
    return worker.handler(message, context);
  }
  const { db, publish, signal, logger, attempt, idempotencyKey } = context;
  const failures: unknown[] = [];
  const batchContext: BatchContext = {
    db,
    publish,
    signal,
    logger,
    fail: (_, error) => void failures.push(error),
    once: async (tx, messages) => ((await context.once(tx)) ? [...messages] : []),
    heartbeat: () => context.heartbeat(),
  };
  const only: BatchMessage = { ...message, attempt, idempotencyKey };
  const result = await worker.handler([only], batchContext);
  for (const error of failures) {
    throw error;
  }
  return result;
}
