/** How many units a burst begins at once. */

/** Begun at once at most, for each lane. A statement that changes units costs more by itself than for ten of them: all indexes are made ready for it. */
const SLICE_PER_LANE = 16;
/** What has begun waits for its lane no longer than about this: what is paused, has a higher priority or expires is looked at before. */
const SLICE_MS = 100;

/**
 * @param handled how many have been, so far
 * @returns how many to begin: what the lanes get done in SLICE_MS, as they last did for so long, or with two units each; at first one
 */
export function sliceSizes(width: number, handled: () => number): () => number {
  let since = { at: performance.now(), handled: handled() };
  let size = 1;
  return () => {
    const now = { at: performance.now(), handled: handled() };
    if (now.at - since.at >= SLICE_MS || now.handled - since.handled >= width * 2) {
      size = ((now.handled - since.handled) * SLICE_MS) / (now.at - since.at);
      since = now;
    }
    return Math.min(Math.max(Math.round(size), 1), width * SLICE_PER_LANE);
  };
}
