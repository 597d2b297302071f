/** What is recorded of messages during a drill: what was published, by whoever published; what was done, by the handlers; how deliveries ended, by a trigger. */
import type { Queryable } from '../../src/postgres/queryable.ts';

/** As superuser, once, after `installRecording`. */
export async function installMessageRecording(owner: Queryable): Promise<void> {
  await owner.query(MESSAGE_RECORDING);
}

const MESSAGE_RECORDING = `
-- In the transaction of the message. number: of what the ordered subscription gets its place in its key, drawn after it was published, so that it
-- follows the order of the commits if keys are locked until then.
create table drill.published (name text, topic text, key text, number bigint);
create index on drill.published (name);
create table drill.key_number (key text primary key, number bigint);

-- In the transaction of the delivery's end. id: no two of one key overlap, so theirs follow the order of the handling.
create table drill.handled (id bigint generated always as identity, subscription text, message_id bigint, name text, attempt integer);
-- In a transaction of the handler's own.
create table drill.effect (name text);

-- A delivery ended, alive or dead.
create table drill.delivery_ended (
  work_id text, subscription text, message_id bigint, epoch bigint, attempt integer, state text, burst_id text, at timestamptz default clock_timestamp());
create function drill.record_delivery_ended() returns trigger language plpgsql security definer as $$
begin
  insert into drill.delivery_ended (work_id, subscription, message_id, epoch, attempt, state, burst_id)
  values (new.id, new.group_name, substring(new.id from '[0-9]+$')::bigint, new.epoch, new.attempt, new.state, old.burst_id);
  return null;
end
$$;
create trigger drill_delivery_ended after update of state on tidemark.work
  for each row when (new.workflow = 'delivery' and new.state in ('done', 'dead', 'cancelled', 'expired') and new.state is distinct from old.state)
  execute function drill.record_delivery_ended();
`;

/** What an application of the drill writes. */
export const MESSAGE_GRANTS = `
grant insert on drill.published, drill.handled, drill.effect to public;
grant select, insert, update on drill.key_number to public;
grant select on drill.published, drill.delivery_ended to public;
`;
