/**
 * Aborted after so long, or with any of the others, as AbortSignal.any([AbortSignal.timeout(ms), …]) would be if Node did not collect the timeout as
 * garbage before its time, where nothing else holds it.
 */
export function deadlineSignal(ms: number, ...others: readonly AbortSignal[]): AbortSignal {
  const late = new AbortController();
  setTimeout(() => late.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')), ms).unref();
  return AbortSignal.any([late.signal, ...others]);
}
