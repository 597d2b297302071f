import { InvalidInputError } from '../errors.ts';
import { checkWorker } from './check-worker.ts';
import type { AnyWorker } from './define-worker.ts';
import type { Topics } from './topic.ts';

/** A list of workers, or of lists of them. */
export type WorkerList = readonly (AnyWorker | WorkerList)[];

/**
 * The workers of an application in one list, from the lists of its parts.
 * @example export const workers = typedWorkers(topics, [mail, notificationWorkers, searchWorkers]);
 * @throws InvalidInputError for a wrong option, an unknown topic, or a subscription that is there twice
 */
export function typedWorkers(topics: Topics, list: WorkerList): readonly AnyWorker[] {
  const workers = flatten(list);
  const names = new Set<string>();
  for (const worker of workers) {
    checkWorker(worker, topics);
    if (names.has(worker.subscription)) {
      throw new InvalidInputError(`The subscription '${worker.subscription}' is listed twice. Give one of them another name.`);
    }
    names.add(worker.subscription);
  }
  return workers;
}

const flatten = (list: WorkerList): AnyWorker[] => list.flatMap((item) => ('subscription' in item ? [item] : flatten(item)));
