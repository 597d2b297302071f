import type { Bearer, Refusal } from '../tokens/find-token.ts';
import { hashSecret } from '../tokens/token-text.ts';

export interface BearerCache {
  find(secret: string): Promise<Bearer | Refusal>;
  /** Whether somebody was found by it, however long ago: not whether they would be found again. */
  remembers(secret: string): boolean;
  forget(secret: string): void;
}

/**
 * Who was found a moment ago, by the hash of what they sent. Those who ask side by side with the same secret wait for one answer; refusals and failures
 * are not kept.
 */
export function createBearerCache(
  find: (secret: string) => Promise<Bearer | Refusal>,
  { ttlMs = 5_000, most = 10_000, now = () => performance.now() }: { ttlMs?: number; most?: number; now?: () => number } = {},
): BearerCache {
  const found = new Map<string, { until: number; isGood: boolean; bearer: Promise<Bearer | Refusal> }>();
  const keyOf = (secret: string) => hashSecret(secret).toString('base64');

  return {
    find(secret) {
      const key = keyOf(secret);
      const known = found.get(key);
      if (known !== undefined && known.until > now()) {
        return known.bearer;
      }
      // Counted from before the question: what the answer says is at most this old.
      const entry = { until: now() + ttlMs, isGood: known?.isGood === true, bearer: find(secret) };
      const drop = () => {
        if (found.get(key) === entry) found.delete(key);
      };
      found.delete(key);
      found.set(key, entry);
      if (found.size > most) found.delete(found.keys().next().value as string);
      entry.bearer.then((bearer) => {
        if (typeof bearer === 'string') {
          drop();
          return;
        }
        entry.isGood = true;
        if (bearer.expiresInMs !== undefined) entry.until = Math.min(entry.until, now() + bearer.expiresInMs);
      }, drop);
      return entry.bearer;
    },
    remembers: (secret) => found.get(keyOf(secret))?.isGood === true,
    forget: (secret) => found.delete(keyOf(secret)),
  };
}
