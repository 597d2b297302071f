const LOOPBACK = new Set(['127.0.0.1', '::1', '[::1]', 'localhost']);

/** A name or address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host.toLowerCase());
}
