/** Dead letters: deliveries that gave up, each with the message that it was to deliver. */
import type { Database } from '../postgres/queryable.ts';
import { listWork } from '../work/list.ts';
import { listDecisions, type WorkDecision } from '../work/list-decisions.ts';
import type { ListedUnit } from '../work/listed-unit.ts';
import { readUnit, type UnitDetails } from '../work/read-unit.ts';
import type { WorkSelection } from '../work/select.ts';
import { DELIVERY_WORKFLOW } from './delivery-handler.ts';
import { type ListedMessage, listMessages, messageIdOf } from './list-messages.ts';

/** Payloads that are larger are in no listing. */
const SHOWN_BYTES = 2_000;

export interface DeadLetter extends ListedUnit {
  /** Absent where somebody has removed it by hand. */
  message?: ListedMessage;
}

export interface DeadLetterPage {
  deadLetters: DeadLetter[];
  /** Pass it as `after` for the next page; absent on the last one. */
  next?: string;
}

export interface DeadLetterDetails extends UnitDetails {
  message?: ListedMessage;
  /** What a person decided about it before, newest first. */
  decisions: WorkDecision[];
}

/** Newest first. @throws InvalidInputError */
export async function listDeadLetters(
  db: Database,
  selection: Omit<WorkSelection, 'state' | 'workflow'>,
  options: { limit?: number; after?: string } = {},
): Promise<DeadLetterPage> {
  const { units, next } = await listWork(db, { ...selection, workflow: DELIVERY_WORKFLOW, state: 'dead' }, options);
  const messages = await listMessages(
    db,
    units.map(({ id }) => messageIdOf(id)),
    SHOWN_BYTES,
  );
  return {
    deadLetters: units.map((unit) => withMessage(unit, messages.get(messageIdOf(unit.id)))),
    ...(next === undefined ? {} : { next }),
  };
}

/** A delivery with its message, dead or not any more. @throws WorkNotFoundError */
export async function readDeadLetter(
  db: Database,
  workId: string,
  reach: Pick<WorkSelection, 'logPrefixes'> = {},
): Promise<DeadLetterDetails> {
  const unit = await readUnit(db, workId, { ...reach, workflow: DELIVERY_WORKFLOW });
  const [messages, decisions] = await Promise.all([listMessages(db, [messageIdOf(unit.id)]), listDecisions(db, workId)]);
  return { ...withMessage(unit, messages.get(messageIdOf(unit.id))), decisions };
}

function withMessage<UnitT extends ListedUnit>(unit: UnitT, message: ListedMessage | undefined): UnitT & Pick<DeadLetter, 'message'> {
  return { ...unit, ...(message === undefined ? {} : { message }) };
}
