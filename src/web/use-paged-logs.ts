/** Logs by name, a page at a time; what is listed is looked at again every few seconds. */
import { useState } from 'react';
import type { Log } from './api-types.ts';
import { client, filled } from './client.ts';
import { usePolled } from './use-polled.ts';

const PAGE = 100;
const MAX = 1_000;
const EVERY_MS = 5_000;

export function usePagedLogs({ type = '', prefix }: { type?: string; prefix: string }) {
  const key = `${type}/${prefix}`;
  const [asked, setAsked] = useState({ key, pages: 1 });
  const pages = asked.key === key ? asked.pages : 1;
  const { data, error, reload } = usePolled(
    async (signal) => {
      const logs: Log[] = [];
      let next: string | undefined;
      for (let page = 0; page < pages; page += 1) {
        const answer = await client.logs.list({
          ...filled({ type, prefix, after: next ?? '' }),
          limit: page === 0 ? PAGE : MAX,
          signal,
        });
        logs.push(...answer.logs);
        next = answer.next;
        if (next === undefined) break;
      }
      return { logs, hasMore: next !== undefined };
    },
    EVERY_MS,
    `logs ${key} ${pages}`,
  );
  return { logs: data?.logs, hasMore: data?.hasMore ?? false, more: () => setAsked({ key, pages: pages + 1 }), error, reload };
}
