/** A message by itself, whether its worker gets them alone or in batches: then it gets a batch of one. */
import type { AnyWorker, BatchWorkerDefinition, WorkerDefinition } from './define-worker.ts';
import type { BatchContext, BatchMessage, MessageContext } from './message.ts';

export function handledAlone(worker: AnyWorker): WorkerDefinition<unknown> {
  if (!isBatchWorker(worker)) {
    return worker;
  }
  const { batch: _, handler, ...options } = worker;
  return {
    ...options,
    handler: async (message, context) => {
      const failed = new Map<BatchMessage, unknown>();
      const { attempt, idempotencyKey } = context;
      await handler([{ ...message, attempt, idempotencyKey }], aloneContext(context, failed));
      for (const error of failed.values()) {
        throw error;
      }
    },
  };
}

function isBatchWorker(worker: AnyWorker): worker is BatchWorkerDefinition<unknown> {
  return 'batch' in worker && worker.batch !== undefined;
}

function aloneContext(context: MessageContext, failed: Map<BatchMessage, unknown>): BatchContext {
  const { db, publish, signal, logger } = context;
  return {
    db,
    publish,
    signal,
    logger,
    fail: (message, error) => void failed.set(message, error),
    once: async (tx, messages) => ((await context.once(tx)) ? [...messages] : []),
    heartbeat: () => context.heartbeat(),
  };
}
