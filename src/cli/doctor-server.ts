/** What doctor says about the HTTP server: whether it answers, and with which version. */
import { errorMessage } from '../errors.ts';
import { readVersion } from '../version.ts';
import type { Finding } from './finding.ts';

const DEADLINE_MS = 5_000;

/** @param url undefined: where it is nobody has said */
export async function checkServer(url: string | undefined): Promise<Finding[]> {
  if (url === undefined) {
    return [];
  }
  try {
    const answer = await fetch(`${url}/openapi.json`, { signal: AbortSignal.timeout(DEADLINE_MS) });
    const { info } = (await answer.json()) as { info?: { version?: string } };
    if (info?.version === undefined) {
      return [{ check: 'server', state: 'warning', found: `something else answers at ${url}`, fix: 'Stop it, or set TIDEMARK_HTTP_PORT.' }];
    }
    return info.version === readVersion()
      ? [{ check: 'server', state: 'ok', found: `tidemark ${info.version} at ${url}/` }]
      : [
          {
            check: 'server',
            state: 'warning',
            found: `tidemark ${info.version} at ${url}/`,
            fix: `Start it anew: this is ${readVersion()}.`,
          },
        ];
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause;
    return [
      {
        check: 'server',
        state: 'warning',
        found: `nothing answers at ${url}: ${errorMessage(cause ?? error)}`,
        fix: "Look into server.log in the data folder of 'tidemark dev'.",
      },
    ];
  }
}
