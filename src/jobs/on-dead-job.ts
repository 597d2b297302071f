/**
 * A unit has become dead: whoever is to know is told, as a unit of work, `job/on-dead/<epoch of the dead one>`, which the transaction that recorded
 * the death has added. At least once: while the receiver does not answer, or says that it cannot now (5xx, 408, 425, 429), it is told again at growing intervals,
 * for ever; of one death always under the same id. Any other refusal is tried a few times, then this unit is dead itself, and nobody is told of that.
 *
 * What the error says is read when it is told: an erasure meanwhile has taken it away, a redrive that was done has nothing to say any more.
 */
import { deadlineSignal } from '../deadline-signal.ts';
import { errorMessage, UnavailableError } from '../errors.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { readVersion } from '../version.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import { installationId } from '../work/register.ts';
import type { OnDead } from './on-dead.ts';
import type { SystemJob } from './system-jobs.ts';
import { webhookSignature } from './webhook-signature.ts';

const ON_DEAD = 'on-dead';

/** As `tell_of_death` of the migrations adds it. */
interface Death {
  workId: string;
  epoch: string;
  workflow: string;
  group: string;
  logId?: string;
  sequenceId?: string;
  code: string;
  fingerprint: string;
  attempts: number;
  execution?: string;
  diedAt: string;
}

/** For one call. */
const DEADLINE_MS = 10_000;
/** Not now, says the receiver. */
const LATER = new Set([408, 425, 429]);

export function onDeadJob({ pool, schema, onDead }: HandlerDependencies): SystemJob {
  return {
    name: ON_DEAD,
    async run(unit, { signal }) {
      const db = inSchema(pool, schema);
      if (onDead === undefined) {
        if (await isTold(db)) {
          throw new UnavailableError('This worker has no TIDEMARK_ON_DEAD_URL, others have: one of them will tell it.');
        }
        return { result: { told: false } };
      }
      const death = present(unit.input as Death);
      const installation = await installationId(db);
      const body = JSON.stringify({
        type: 'unit.dead',
        installation,
        ...death,
        ...deliveryOf(death),
        ...(await messageOf(db, death)),
        ...(death.execution && onDead.executionUrl ? { executionUrl: onDead.executionUrl(death.execution) } : {}),
      });
      const status = await post(onDead, { id: `${installation}/${unit.id}`, body, signal });
      return { result: { told: true, status } };
    },
  };
}

async function post({ url, secret }: OnDead, { id, body, signal }: { id: string; body: string; signal: AbortSignal }): Promise<number> {
  const timestamp = Math.floor(Date.now() / 1_000);
  const { host } = new URL(url);
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': `tidemark/${readVersion()}`,
      'idempotency-key': id,
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      ...(secret === undefined ? {} : { 'webhook-signature': webhookSignature(secret, { id, timestamp, body }) }),
    },
    body,
    redirect: 'manual',
    signal: deadlineSignal(DEADLINE_MS, signal),
  }).catch((error: Error) => {
    signal.throwIfAborted();
    // The address may hold a secret: what is kept and shown names its host alone.
    throw new UnavailableError(`${host} does not answer (${errorMessage(error.cause ?? error)}). It is told again later.`);
  });
  await response.body?.cancel();
  if (response.ok) {
    return response.status;
  }
  if (response.status >= 500 || LATER.has(response.status)) {
    throw new UnavailableError(`${host} answers ${response.status}. It is told again later.`);
  }
  throw Object.assign(
    new Error(`${host} refuses to be told (${response.status}). Correct TIDEMARK_ON_DEAD_URL or the receiver, then redrive this.`),
    {
      code: 'on_dead_refused',
    },
  );
}

/** What a dead delivery was to deliver, and to whom. */
function deliveryOf({ workflow, workId }: Death): { subscription?: string; messageId?: string } {
  const [, subscription = '', messageId = ''] = workflow === 'delivery' ? workId.split('/') : [];
  return messageId === '' ? {} : { subscription, messageId };
}

async function isTold(db: Database): Promise<boolean> {
  const { rows } = await db.query(`select is_told from ${db.schema}.on_dead`);
  return rows[0]?.is_told === true;
}

async function messageOf(db: Database, { workId, epoch }: Death): Promise<{ message?: string }> {
  const { rows } = await db.query(
    `select error ->> 'message' as message from ${db.schema}.work where id = $1::text and epoch = $2::bigint and state = 'dead'`,
    [workId, epoch],
  );
  return rows[0] ? { message: rows[0].message } : {};
}

/** Without what the unit does not have. */
function present(death: Death): Death {
  return Object.fromEntries(Object.entries(death).filter(([, value]) => value !== null)) as unknown as Death;
}
