/** Reads a source that cannot be reached once more, from behind the last page that came, with pauses that grow. Pages that come let it begin anew to count. */
import { setTimeout as delay } from 'node:timers/promises';
import { beatWhile } from '../beat-while.ts';
import type { SourceContext, SourcePage } from '../define-source.ts';
import { SourceUnavailableError } from '../source-errors.ts';

const ATTEMPTS = 8;
const FIRST_WAIT_MS = 200;

/**
 * @param readFrom pages behind a place, of which each page's cursor is the next
 * @param goingOn what the log says of the next attempt
 */
export async function* readAgain<PlaceT>(
  { cursor, logger, signal, heartbeat }: SourceContext,
  readFrom: (place: PlaceT | undefined) => AsyncIterable<SourcePage>,
  goingOn: (place: PlaceT | undefined) => string,
): AsyncGenerator<SourcePage> {
  let place = cursor as PlaceT | undefined;
  for (let failures = 0; ; ) {
    try {
      for await (const page of readFrom(place)) {
        yield page;
        place = page.cursor as PlaceT;
        failures = 0;
      }
      return;
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      if (!(error instanceof SourceUnavailableError) || failures >= ATTEMPTS) throw error;
      logger.warn(`${error.message} ${goingOn(place)}`);
      await heartbeat();
      await beatWhile(delay(FIRST_WAIT_MS * 2 ** failures, undefined, { signal }), heartbeat);
    }
  }
}
