import { formatJson, print, visibleLine } from './print.ts';

export interface DecisionById {
  /** @returns whether it changed something */
  decide(id: string): Promise<boolean>;
  /** What a person reads of one. @param id as it can be printed */
  say(id: string, changed: boolean): string;
  json: boolean;
}

/** One job after the other. What was done is told, also where the next one fails. Exit code 1 where one was left as it is. */
export async function decideById(ids: readonly string[], { decide, say, json }: DecisionById): Promise<void> {
  const jobs: { id: string; changed: boolean }[] = [];
  try {
    for (const id of ids) {
      const changed = await decide(id);
      jobs.push({ id, changed });
      if (!json) print(say(visibleLine(id), changed));
    }
  } finally {
    if (json) print(formatJson({ jobs }));
  }
  if (jobs.some(({ changed }) => !changed)) process.exitCode = 1;
}
