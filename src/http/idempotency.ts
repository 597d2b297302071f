/** The Idempotency-Key of a request: whose it is, and what it may look like. */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import type { Caller } from './access.ts';
import type { Authorizer } from './authorizer.ts';

/** @param within how long a repeat is known, as a part of a sentence */
export const idempotencyHeaders = (within: string) =>
  z.object({
    'idempotency-key': z
      .string()
      .regex(/^[\x21-\x7e]{1,200}$/, 'use 1 to 200 visible ASCII characters')
      .optional()
      .describe(
        `1 to 200 visible characters. Within ${within} a repeat with the same key changes nothing and is answered as the first one`,
      ),
  });

/** Callers who cannot be told apart would get each other's answers. Where nobody is asked who they are, all are one. */
export function ownerOfKeys({ id, actor }: Caller, auth: Authorizer['auth']): string {
  const owner = id ?? actor;
  if (owner === undefined && auth !== 'off') {
    throw new InvalidInputError(
      "An Idempotency-Key is its caller's own, and this server does not know who calls: leave the header out, or let its authorize return an id or an actor.",
    );
  }
  return owner ?? '';
}
