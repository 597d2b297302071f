/** @param text of a Retry-After header: whole seconds, or a date of HTTP. @returns ms from now, at least 0; undefined where it says nothing */
export function parseRetryAfter(text: string | null, now: number = Date.now()): number | undefined {
  const given = text?.trim() ?? '';
  if (/^\d{1,9}$/.test(given)) {
    return Number(given) * 1_000;
  }
  // JavaScript takes '-1' and '1.5' for dates; those of HTTP are all in GMT.
  const at = / GMT$/i.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
}
