/**
 * The starter loop: claim and commit → start side by side → mark. A crash between any two steps ends in an expired lease and
 * the same execution id.
 *
 * The poll is the guarantee: 20 ms for 5 s after the last claim (more where a claim takes long), then 200 ms; `wake` is a hint that
 * shortens the wait.
 * The loop never dies and never spins: an error of Postgres or Temporal is reported and backed off, up to 5 s.
 * Any number of loops may run, in any number of processes.
 */
import type { Database } from '../postgres/queryable.ts';
import { type Claim, type ClaimOptions, claimWork } from './claim.ts';
import type { ClaimScope } from './part.ts';

export const DEFAULT_CLAIM_OPTIONS: ClaimOptions = {
  maxInFlight: 40,
  maxOnTheirWay: 10,
  leaseMs: 4_000,
  burstSize: 100,
  burstWidth: 8,
  burstThreshold: 20,
  maxBursts: 4,
};

export interface LoopOptions {
  db: Database;
  claim: ClaimOptions;
  /** What it claims; absent: all that no part has to itself. */
  scope?: ClaimScope;
  /** Starts what was claimed and marks it; answers with `unavailable` when Temporal should be left alone for a while. */
  start: (claim: Claim) => Promise<{ unavailable?: unknown }>;
  /** One pass of the sweep; absent: this loop does not sweep. */
  sweep?: () => Promise<void>;
  sweepEveryMs?: number;
  onError?: (step: 'claim' | 'start' | 'sweep', error: unknown) => void;
}

export interface StarterLoop {
  /** Something may be claimable. */
  wake(): void;
  /** Ends after the claims in hand are started and marked. Idempotent. */
  stop(): Promise<void>;
}

const BUSY_POLL_MS = 20;
const IDLE_POLL_MS = 200;
const BUSY_FOR_MS = 5_000;
const MAX_BACKOFF_MS = 5_000;
/**
 * A claim that finds a backlog and no place for it costs some milliseconds, and finds the same again until units end: so claims take
 * a tenth of the time at most, however busy the database. Only one that has found something may be followed by another at once.
 */
const REST_PER_CLAIM = 9;
/** Claims that are being started at once. */
const MAX_CLAIMS_IN_HAND = 8;

export function runStarterLoop({
  db,
  claim: claimOptions,
  scope = {},
  start,
  sweep,
  sweepEveryMs = 5_000,
  onError = () => {},
}: LoopOptions): StarterLoop {
  let stopped = false;
  let woken = false;
  let interrupt = () => {};
  const inHand = new Set<Promise<void>>();
  const backoff = { claim: 0, start: 0 };
  let lastClaimAt = Date.now();

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const backOff = (step: 'claim' | 'start', error: unknown) => {
    onError(step, error);
    backoff[step] = Math.min(Math.max(backoff[step] * 2, 100), MAX_BACKOFF_MS);
  };

  const claimOnce = async (): Promise<boolean> => {
    const claim = await claimWork(db, claimOptions, scope);
    backoff.claim = 0;
    if (claim.units === 0) {
      return false;
    }
    lastClaimAt = Date.now();
    const handled: Promise<void> = start(claim)
      .then(({ unavailable }) => {
        if (unavailable) {
          backOff('start', unavailable);
        } else {
          backoff.start = 0;
        }
      })
      // Neither started nor released: the lease runs out and the same id is started again.
      .catch((error) => backOff('start', error))
      .finally(() => {
        inHand.delete(handled);
        if (stopped || inHand.size === MAX_CLAIMS_IN_HAND - 1) {
          interrupt();
        }
      });
    inHand.add(handled);
    return true;
  };

  const claiming = (async () => {
    while (!stopped) {
      woken = false;
      let claimed = false;
      const began = performance.now();
      if (inHand.size < MAX_CLAIMS_IN_HAND) {
        try {
          claimed = await claimOnce();
        } catch (error) {
          backOff('claim', error);
        }
      }
      const claimMs = performance.now() - began;
      if (stopped) {
        break;
      }
      const backoffMs = Math.max(backoff.claim, backoff.start);
      if (backoffMs > 0) {
        await pauseAtLeast(backoffMs);
        continue;
      }
      const restMs = Math.min(claimMs * REST_PER_CLAIM, IDLE_POLL_MS);
      const pollMs = Math.max(Date.now() - lastClaimAt < BUSY_FOR_MS ? BUSY_POLL_MS : IDLE_POLL_MS, restMs);
      const deafMs = claimed ? 0 : restMs;
      await pauseAtLeast(deafMs);
      if (!woken) {
        await pause(pollMs - deafMs);
      }
    }
    await Promise.all(inHand);
  })();

  /** A hint must not shorten a back-off; only stopping does. */
  async function pauseAtLeast(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (!stopped && Date.now() < until) {
      await pause(until - Date.now());
    }
  }

  let interruptSweep = () => {};
  async function sweepLoop(pass: () => Promise<void>): Promise<void> {
    while (!stopped) {
      try {
        await pass();
      } catch (error) {
        onError('sweep', error);
      }
      if (!stopped) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, sweepEveryMs);
          interruptSweep = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
  }

  const sweeping = sweep && sweepLoop(sweep);

  return {
    wake() {
      woken = true;
      interrupt();
    },
    async stop() {
      stopped = true;
      interrupt();
      interruptSweep();
      await Promise.all([claiming, sweeping]);
    },
  };
}
