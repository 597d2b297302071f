/** Work that is too much for a server to do for everybody at the same time. */
import { TidemarkError } from '../errors.ts';

/**
 * @param what for the message: 'imports'
 * @returns takes a place. @throws TidemarkError 'too_many_requests' where there is none; @returns of that: gives it back, once
 */
export function fewAtOnce(most: number, what: string): () => () => void {
  let running = 0;
  return () => {
    if (running >= most) {
      throw new TidemarkError('too_many_requests', `${most} ${what} are running, the most at once. Try again in some seconds.`, {
        retryable: true,
      });
    }
    running += 1;
    let isOver = false;
    return () => {
      running -= isOver ? 0 : 1;
      isOver = true;
    };
  };
}
