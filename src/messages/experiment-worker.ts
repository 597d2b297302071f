/**
 * Workers that ask a client of an experiment platform which variant somebody is in. What the client has to report is sent before the attempt ends, also one
 * that failed: who saw a variant saw it. A report that cannot be sent fails the attempt, so it is tried again.
 */
import { errorMessage } from '../errors.ts';
import type { Message, MessageContext } from './message.ts';
import type { WorkerToWrap, WrappedWorker } from './wrap-worker.ts';

export type ExperimentContext<ClientT> = MessageContext & { readonly experiments: ClientT };

/** Its handler gets the client as `experiments`. */
export type ExperimentWorker<DataT, ClientT, NameT extends string = string, ResultT = unknown> = WorkerToWrap<
  DataT,
  NameT,
  ExperimentContext<ClientT>,
  ResultT
>;

export interface ExperimentOptions<DataT, ClientT> {
  /** One for each attempt. */
  createClient(message: Message<DataT>, context: MessageContext): ClientT | Promise<ClientT>;
  /** Sends what the client has to report. Called once, when the handler has ended, however it has. */
  flush(client: ClientT): Promise<unknown> | unknown;
}

/** @example workerToExperimentWorker(worker, { createClient: () => new ExperimentClient(), flush: (client) => client.waitForSend() }) */
export function workerToExperimentWorker<DataT, ClientT, NameT extends string, ResultT>(
  worker: ExperimentWorker<DataT, ClientT, NameT, ResultT>,
  { createClient, flush }: ExperimentOptions<DataT, ClientT>,
): WrappedWorker<DataT, NameT, Awaited<ResultT>> {
  return {
    ...worker,
    async handler(message, context): Promise<Awaited<ResultT>> {
      const experiments = await createClient(message, context);
      let result: Awaited<ResultT>;
      try {
        result = await worker.handler(message, { ...context, experiments });
      } catch (error) {
        // The handler's own error decides what becomes of the message.
        try {
          await flush(experiments);
        } catch (cause) {
          context.logger.warn(`What experiments had to report is lost: ${errorMessage(cause)}`);
        }
        throw error;
      }
      await flush(experiments);
      return result;
    },
  };
}
