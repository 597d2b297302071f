/** What the drill sets otherwise than an installation would: the sweep looks often, so that settling takes seconds. */
import type { StarterOptions } from '../../src/temporal/start-starter.ts';

export const SCHEMA = 'tidemark';

export const STARTER_SETTINGS = { sweepEveryMs: 1_000, staleAfterMs: 3_000, pendingAfterMs: 3_000 } satisfies Partial<StarterOptions>;
