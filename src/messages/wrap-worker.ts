/**
 * Wrappers of workers: each takes a worker whose handler gets or returns something more, and gives one that Tidemark runs. They compose, and an
 * application's own are written the same way: spread the worker, replace its handler.
 */
import type { WorkerDefinition } from './define-worker.ts';
import type { Message, MessageContext } from './message.ts';

/** A worker but for its handler, which gets `ContextT` and returns `ResultT`. */
export interface WorkerToWrap<DataT, NameT extends string, ContextT, ResultT> extends Omit<WorkerDefinition<DataT, NameT>, 'handler'> {
  readonly handler: (message: Message<DataT>, context: ContextT) => ResultT;
}

/** A worker whose handler returns what a wrapper around it uses. */
export type WrappedWorker<DataT, NameT extends string, ResultT> = WorkerToWrap<DataT, NameT, MessageContext, Promise<ResultT>>;
