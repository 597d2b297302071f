/** @param text of a Retry-After header: seconds, or a date. @returns ms from now, at least 0; undefined where it says nothing */
export function parseRetryAfter(text: string | null, now: number = Date.now()): number | undefined {
  if (text === null) {
    return undefined;
  }
  if (/^\d{1,9}$/.test(text.trim())) {
    return Number(text) * 1_000;
  }
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
}
