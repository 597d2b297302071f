/** What a drill did and found, for a person and for a program. */
import type { Queryable } from '../../src/postgres/queryable.ts';
import type { AppendCounts } from './appender.ts';
import type { CheckedCounts } from './checker/check.ts';
import { SCHEMA } from './drill-settings.ts';
import type { PublishCounts } from './publisher.ts';
import type { CollectionCounts } from './stir-lanes.ts';
import type { Kind } from './target.ts';

export interface DrillReport extends CollectionCounts {
  seed: number;
  minutes: number;
  seconds: { total: number; killing: number; settling: number; checking: number };
  kills: Record<Kind, number>;
  freezes: number;
  /** Processes that ended without having been killed, and were started again. */
  endedByThemselves: number;
  appends: AppendCounts;
  truncations: number;
  askedAgain: number;
  /** Asked for, each of a value of its own and the cells around it. */
  erasures: number;
  backlogs: number;
  /** Snapshots asked for that take more than one chunk. */
  longSnapshots: number;
  snapshots: {
    /** Units that ended with their effect. */
    taken: number;
    /** Of them compactions that have truncated their log. */
    compacted: number;
    /** Units whose entry was truncated away. */
    cancelled: number;
    /** Units that recorded progress on the way: too long for one short attempt. Deliveries are not among them. */
    long: number;
    /** Units that ended in another epoch than their first, or in a later attempt. */
    takenOver: number;
  };
  messages: PublishCounts & DeliveryCounts & { redriven: number };
  bursts: { executions: number; units: number; finishedInside: number };
  sweep: Record<string, number>;
  checked: CheckedCounts;
  findings: string[];
  /** Where the data is; absent where it was removed. */
  directory?: string;
}

interface DeliveryCounts {
  deliveries: number;
  deaths: number;
  /** Deliveries that ended in a later attempt than their first. */
  retried: number;
  /** Deliveries that ended inside of a burst. */
  inBursts: number;
}

/** What only the database knows. */
export async function readDatabaseCounts(
  owner: Queryable,
): Promise<Pick<DrillReport, 'snapshots' | 'bursts' | 'sweep'> & { messages: DeliveryCounts }> {
  const { rows } = await owner.query(
    `select
       (select count(*)::integer from drill.ended where state = 'done') as taken,
       (select count(*)::integer from drill.truncated where not by_hand) as compacted,
       (select count(*)::integer from drill.ended where state = 'cancelled') as cancelled,
       (select count(distinct work_id)::integer from drill.progressed where work_id not like 'delivery/%') as long,
       (select count(*)::integer from drill.ended e where state = 'done' and (attempt > 1
          or exists (select 1 from ${SCHEMA}.work w where w.log_id = e.log_id and w.sequence_id = e.sequence_id and w.alone))) as taken_over,
       (select count(distinct burst_id)::integer from drill.burst_member) as executions,
       (select count(*)::integer from drill.burst_member) as units,
       (select count(*)::integer from drill.ended where state = 'done' and burst_id is not null) as finished_inside,
       (select count(*)::integer from drill.delivery_ended where state = 'done') as deliveries,
       (select count(*)::integer from drill.delivery_ended where state = 'dead') as deaths,
       (select count(*)::integer from drill.delivery_ended where state = 'done' and attempt > 1) as retried,
       (select count(*)::integer from drill.delivery_ended where state = 'done' and burst_id is not null) as in_bursts,
       (select json_object_agg(name, value order by name) from ${SCHEMA}.sweep_counter) as sweep`,
  );
  const {
    taken,
    compacted,
    cancelled,
    long,
    taken_over,
    executions,
    units,
    finished_inside,
    deliveries,
    deaths,
    retried,
    in_bursts,
    sweep,
  } = rows[0];
  return {
    snapshots: { taken, compacted, cancelled, long, takenOver: taken_over },
    bursts: { executions, units, finishedInside: finished_inside },
    messages: { deliveries, deaths, retried, inBursts: in_bursts },
    sweep,
  };
}

export function describeReport(report: DrillReport): string {
  const { seconds, kills, appends, messages, snapshots, bursts, sweep, checked, findings, directory } = report;
  const list = (counts: object) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const lines = [
    `seed       ${report.seed}, ${report.minutes} minutes; ${list(seconds)} (seconds)`,
    `kills      ${list(kills)}; freezes ${report.freezes}; ended by themselves ${report.endedByThemselves}`,
    `appends    ${list(appends)}; truncations ${report.truncations}; asked again ${report.askedAgain}; erasures ${report.erasures}; backlogs ${report.backlogs}; long snapshots ${report.longSnapshots}; collections ${report.collections}; blobs removed ${report.blobsRemoved}`,
    `messages   ${list(messages)}`,
    `snapshots  ${list(snapshots)}`,
    `bursts     ${list(bursts)}`,
    `sweep      ${list(sweep)}`,
    `checked    ${list(checked)}`,
  ];
  lines.push(
    findings.length === 0 ? 'findings   none' : `findings   ${findings.length}\n${findings.map((finding) => `  - ${finding}`).join('\n')}`,
  );
  if (directory !== undefined) lines.push(`data       ${directory}`);
  return lines.join('\n');
}
